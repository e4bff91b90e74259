internal import HandoffProtocol
internal import LinuxSystem

/// Which versions of the header are taken.
enum ProxyVersion: String {
    case any, v1, v2
}

/// Reads a PROXY header piece by piece, and never asks for a byte behind it: pure.
///
/// A line has to be looked at before it is taken, for nothing but its end says where that is; of version 2 all
/// that is asked for belongs to the header.
struct ProxyParser {
    /// What it needs next.
    private(set) var step: Step
    private let version: ProxyVersion
    private var state = State.undecided

    enum Step: Equatable {
        /// A look at what there is, once it is at least so many bytes.
        case look(atLeast: Int)
        /// Up to so many bytes, taken.
        case take(Int)
        /// The header is over. Nil: the socket's own addresses are the right ones.
        case done(StatedAddresses?)
        case malformed(String)
    }

    private enum State {
        case undecided
        /// So many bytes of a line that has been read already.
        case line(left: Int, StatedAddresses?)
        case prefix([UInt8])
        case block(ProxyHeader.Prefix, [UInt8])
        /// Addresses are read; so many bytes of TLVs are left.
        case extensions(left: Int, StatedAddresses?)
    }

    init(_ version: ProxyVersion) {
        self.version = version
        step = .look(atLeast: 1)
    }

    /// Bytes of the header have been taken.
    var hasBegun: Bool { if case .undecided = state { false } else { true } }

    /// The most bytes worth looking at.
    static let longestLook = ProxyLine.longest
    /// TLVs are passed over in pieces of so many bytes.
    private static let longestPiece = 4096

    /// Bytes as they lie in the socket, not taken.
    ///
    /// - Parameter isAll: No more will come.
    mutating func looked(at bytes: [UInt8], isAll: Bool) {
        let beginsLine = version != .v2 && agree(bytes, ProxyLine.beginning)
        let beginsPrefix = version != .v1 && agree(bytes, ProxyHeader.signature)
        if beginsPrefix, bytes.count >= ProxyHeader.signature.count {
            state = .prefix([])
            step = .take(ProxyHeader.prefixSize)
        } else if beginsLine, let end = bytes.prefix(ProxyLine.longest).firstIndex(of: UInt8(ascii: "\n")) {
            takeLine(bytes[...end])
        } else if !beginsLine && !beginsPrefix {
            step = .malformed(
                "it does not begin like a header of \(version == .any ? "any version" : version.rawValue)")
        } else if beginsLine, bytes.count >= ProxyLine.longest {
            step = .malformed("its line is longer than \(ProxyLine.longest) bytes")
        } else if isAll {
            step = .malformed("the stream ends in it")
        } else {
            step = .look(atLeast: beginsPrefix && !bytes.isEmpty ? ProxyHeader.signature.count : bytes.count + 1)
        }
    }

    /// As far as both go, they are the same.
    private func agree(_ bytes: [UInt8], _ beginning: [UInt8]) -> Bool {
        zip(bytes, beginning).allSatisfy { $0 == $1 }
    }

    private mutating func takeLine(_ line: ArraySlice<UInt8>) {
        guard line.dropLast().last == UInt8(ascii: "\r") else {
            step = .malformed("its line ends without CR")
            return
        }
        do {
            state = .line(left: line.count, try ProxyLine.decode(line.dropLast(2)))
            step = .take(line.count)
        } catch {
            step = .malformed(error.why)
        }
    }

    /// Bytes that were taken, as asked for; empty at the end of the stream.
    mutating func took(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else {
            step = .malformed("the stream ends in it")
            return
        }
        do {
            try advance(bytes)
        } catch {
            step = .malformed("\(error)")
        }
    }

    private mutating func advance(_ bytes: [UInt8]) throws(ProxyHeader.Fault) {
        switch state {
        case .undecided:
            step = .malformed("nothing was asked for")
        case .line(let left, let addresses):
            expect(left - bytes.count, .line(left: left - bytes.count, addresses), addresses)
        case .prefix(let begun):
            let all = begun + bytes
            state = .prefix(all)
            step = .take(ProxyHeader.prefixSize - all.count)
            guard all.count == ProxyHeader.prefixSize else { return }
            let prefix = try ProxyHeader.Prefix(decoding: all.span)
            state = .block(prefix, [])
            try readAddresses(prefix, [])
        case .block(let prefix, let begun):
            state = .block(prefix, begun + bytes)
            try readAddresses(prefix, begun + bytes)
        case .extensions(let left, let addresses):
            expect(left - bytes.count, .extensions(left: left - bytes.count, addresses), addresses)
        }
    }

    private mutating func readAddresses(_ prefix: ProxyHeader.Prefix, _ block: [UInt8]) throws(ProxyHeader.Fault) {
        let wanted = min(prefix.blockLength, ProxyHeader.longestAddresses)
        guard block.count >= wanted else {
            step = .take(wanted - block.count)
            return
        }
        let addresses = StatedAddresses(try ProxyHeader(prefix, block: block.span))
        let left = prefix.blockLength - block.count
        expect(left, .extensions(left: left, addresses), addresses)
    }

    private mutating func expect(_ left: Int, _ next: State, _ addresses: StatedAddresses?) {
        state = next
        step = left == 0 ? .done(addresses) : .take(min(left, Self.longestPiece))
    }
}
