internal import ControlProtocol

/// A result that would take too long for one round of the loop: it is made bit by bit, as its reader takes it, so that
/// ten thousand services hold up neither the loop nor the memory.
struct LongReply {
    private var before: [UInt8]
    private let after: [UInt8]
    /// Adds the next bit; whether there is more behind it.
    private let add: (inout [UInt8]) -> Bool

    struct Piece {
        var bytes: [UInt8]
        var isLast: Bool
    }

    /// - Parameters:
    ///   - before: What the result begins with, as JSON text.
    ///   - after: What it ends with.
    init(before: [UInt8], after: [UInt8], add: @escaping (inout [UInt8]) -> Bool) {
        self.before = before
        self.after = after
        self.add = add
    }

    /// The same with the reply around the result.
    func answering(_ id: JSON?) -> LongReply {
        let frame = ControlReply.frame(id: id)
        return LongReply(before: frame.before + before, after: after + frame.after, add: add)
    }

    mutating func take() -> Piece {
        var piece = Piece(bytes: before, isLast: false)
        before = []
        piece.isLast = !add(&piece.bytes)
        if piece.isLast { piece.bytes += after }
        return piece
    }
}

extension LongReply {
    /// Services in a piece: half a millisecond of work. What is said of them belongs to one moment.
    private static let services = 100
    /// Bytes of text in a piece.
    private static let textSize = 32 << 10

    /// The status of `services`, each as it is when its reader comes to it.
    static func status(_ supervisor: SupervisorStatus, of services: [ActiveService]) -> LongReply {
        var rest = services[...]
        let frame = supervisor.frame
        return LongReply(before: frame.before, after: frame.after) { bytes in
            for service in rest.prefix(Self.services) {
                if service !== services.first { bytes.append(UInt8(ascii: ",")) }
                service.status.json.write(to: &bytes)
            }
            rest = rest.dropFirst(Self.services)
            return !rest.isEmpty
        }
    }

    /// The metrics, as the text that they are.
    static func metrics(_ page: MetricsPage) -> LongReply {
        var rest = page.text[...]
        return LongReply(before: Array("{\"text\":\"".utf8), after: Array("\"}".utf8)) { bytes in
            // To the end of a line, where no character is cut.
            let end = rest.dropFirst(textSize).firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
            JSON.escape(String(decoding: rest[..<end], as: UTF8.self), to: &bytes)
            rest = rest[end...]
            return !rest.isEmpty
        }
    }
}
