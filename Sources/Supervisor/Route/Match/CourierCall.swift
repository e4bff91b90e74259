/// The first words of a Courier client (Xerox, XSIS 038112, over a TCP stream), as far as routing asks. Words have 16 bits,
/// big-endian.
///
/// Each side begins with the range of protocol versions that it speaks; the highest that both do is used. A CALL is the
/// word 0, transaction, program, version, procedure, arguments. In version 3 the program is two words.
struct CourierCall: Equatable {
    /// The version of Courier itself.
    var courier: UInt16
    var transaction: UInt16
    var program: UInt32
    /// Of the program.
    var version: UInt16
    /// The call as those mean it who write a program in one word in version 3, too; nil where it cannot be.
    var inOneWord: Called?

    struct Called: Equatable {
        var program: UInt32
        var version: UInt16
    }

    var called: Called { Called(program: program, version: version) }
}

extension CourierCall {
    /// The versions of Courier that are understood here.
    static let versions: ClosedRange<UInt16> = 2...3
    /// Our own first words.
    static let greeting: [UInt8] = [0, 2, 0, 3]

    /// The range that a client begins with.
    enum Opening: Equatable {
        /// It speaks `version` with us.
        case common(UInt16)
        /// It is Courier, of versions that are not spoken here.
        case foreign
    }

    private static let rangeSize = 4
    private static let callType: UInt16 = 0
    /// A range with a higher version than this is something else.
    private static let highestVersion: UInt16 = 255

    /// The range at the beginning of `bytes`.
    static func opening(_ bytes: [UInt8]) -> Sight<Opening> {
        // A first byte that is no beginning of a range is told before the others come.
        guard bytes.first == 0 else { return bytes.isEmpty ? .more(atLeast: rangeSize) : .other }
        guard bytes.count >= rangeSize else { return .more(atLeast: rangeSize) }
        let (low, high) = (word(bytes, 0), word(bytes, 2))
        guard low >= 1, low <= high, high <= highestVersion else { return .other }
        let common = min(high, versions.upperBound)
        return .found(common >= max(low, versions.lowerBound) ? .common(common) : .foreign)
    }

    /// The call behind the range at the beginning of `bytes`.
    ///
    /// - Parameter isContinued: The stream is taken up in the middle: a CALL may stand there without a range.
    static func read(_ bytes: [UInt8], isContinued: Bool = false) -> Sight<CourierCall> {
        if isContinued, bytes.count >= 2, word(bytes, 0) == callType {
            return read(bytes, from: 0, courier: versions.upperBound)
        }
        switch opening(bytes) {
        case .found(.common(let version)): return read(bytes, from: rangeSize, courier: version)
        case .found(.foreign), .other: return .other
        case .more(let least): return .more(atLeast: isContinued ? min(least, bytes.count + 1) : least)
        }
    }

    private static func read(_ bytes: [UInt8], from start: Int, courier: UInt16) -> Sight<CourierCall> {
        if bytes.count >= start + 2, word(bytes, start) != callType { return .other }
        // Up to the procedure of a program in one word, up to the version of one in two: the same.
        guard bytes.count >= start + 10 else { return .more(atLeast: start + 10) }
        let transaction = word(bytes, start + 2)
        let (first, second, third) = (word(bytes, start + 4), word(bytes, start + 6), word(bytes, start + 8))
        guard courier == 3 else {
            return .found(
                CourierCall(
                    courier: courier, transaction: transaction, program: UInt32(first), version: second, inOneWord: nil)
            )
        }
        return .found(
            CourierCall(
                courier: courier, transaction: transaction, program: UInt32(first) << 16 | UInt32(second),
                version: third, inOneWord: first == 0 ? nil : Called(program: UInt32(first), version: second)))
    }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt16 {
        UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }
}

// MARK: - REJECT

extension CourierCall {
    /// Why a call is refused, in the protocol's own numbers.
    enum Rejection: Equatable {
        case noSuchProgram
        /// The lowest and the highest that there are.
        case noSuchVersion(Called, ClosedRange<UInt16>)
    }

    /// For the log.
    func explanation(of rejection: Rejection) -> String {
        switch rejection {
        case .noSuchProgram: "nobody has Courier program \(program)"
        case .noSuchVersion(let called, let range):
            "Courier program \(called.program) has versions \(range.lowerBound) to \(range.upperBound), not \(called.version)"
        }
    }

    /// The message that refuses this call.
    func reject(_ rejection: Rejection) -> [UInt8] {
        var words: [UInt16] = [1, transaction]
        switch rejection {
        case .noSuchProgram: words.append(0)
        case .noSuchVersion(_, let range):
            words.append(1)
            if courier == 3 { words += [range.lowerBound, range.upperBound] }
        }
        return words.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    }
}
