import HandoffProtocol
import LinuxSystem

@testable import Supervisor

extension FuzzTarget {
    /// A stream that begins with a PROXY header, perhaps.
    static let proxy = FuzzTarget("proxy", longest: 1024) { bytes throws(Finding) in
        for version in [ProxyVersion.any, .v1, .v2] {
            let whole = Reception(bytes, version, pieces: bytes.count + 1)
            for pieces in [1, 7] {
                let cut = Reception(bytes, version, pieces: pieces)
                try hold(
                    cut.isSame(as: whole),
                    "\(cut.step), \(cut.taken) bytes, in pieces; else \(whole.step), \(whole.taken)")
            }
            guard case .done(let addresses) = whole.step else { continue }
            try hold(whole.taken == length(of: bytes), "\(whole.taken) bytes taken")
            try checkForms(of: addresses)
        }
        guard let header = try? ProxyHeader(decoding: bytes.span) else { return }
        let encoded = header.encoded
        try hold((try? ProxyHeader(decoding: encoded.span)) == header, "another header after a round trip: \(header)")
    }

    /// Of the header at the beginning: of a line, or of what version 2 says of itself.
    private static func length(of bytes: [UInt8]) -> Int? {
        bytes[0] == UInt8(ascii: "P")
            ? bytes.firstIndex(of: 0x0a).map { $0 + 1 } : 16 + Int(bytes[14]) << 8 + Int(bytes[15])
    }

    /// Addresses go on to handlers in either form.
    private static func checkForms(of addresses: StatedAddresses?) throws(Finding) {
        guard let addresses, addresses.source.port != nil else { return }
        let header = addresses.header
        try hold(
            StatedAddresses(header)?.normalized == addresses.normalized, "version 2 says \(header) for \(addresses)")
        let line = ProxyLine.encode(addresses)
        let read = try? ProxyLine.decode(line.dropLast(2))
        try hold(read?.normalized == addresses.normalized, "version 1 says \(line) for \(addresses)")
        try hold(line.count <= ProxyLine.longest, "a line of \(line.count) bytes")
    }
}

extension StatedAddresses {
    fileprivate var normalized: StatedAddresses {
        StatedAddresses(source: source.normalized, destination: destination.normalized)
    }
}

/// A stream as a parser takes it, piece by piece.
private struct Reception {
    private(set) var step: ProxyParser.Step
    private(set) var taken = 0

    init(_ stream: [UInt8], _ version: ProxyVersion, pieces: Int) {
        var parser = ProxyParser(version)
        var arrived = min(pieces, stream.count)
        while true {
            let here = Array(stream[taken..<arrived])
            let isAll = arrived == stream.count
            step = parser.step
            switch parser.step {
            case .look(let least) where here.count < least && !isAll, .take(let least) where here.isEmpty && !isAll:
                arrived = min(stream.count, arrived + max(1, min(least, pieces)))
            case .look:
                parser.looked(at: Array(here.prefix(ProxyParser.longestLook)), isAll: isAll)
            case .take(let most):
                let piece = Array(here.prefix(most))
                taken += piece.count
                parser.took(piece)
            case .done, .malformed:
                return
            }
        }
    }

    /// Of a header that is none, how much was taken does not matter.
    func isSame(as other: Reception) -> Bool {
        switch (step, other.step) {
        case (.malformed, .malformed): true
        default: step == other.step && taken == other.taken
        }
    }
}
