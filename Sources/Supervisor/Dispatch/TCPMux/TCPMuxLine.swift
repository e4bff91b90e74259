internal import ServiceTable

/// The first line of a client of tcpmux (RFC 1078), as far as it is there: pure.
enum TCPMuxLine: Equatable {
    /// More bytes are needed.
    case incomplete
    /// `length`: in bytes, with its end; what follows is the service's.
    case name(String, length: Int)
    case help(length: Int)
    /// In words for the client.
    case malformed(String)

    /// A name and CRLF.
    static let longest = TCPMuxName.longest + 2

    /// Reads what has come so far. The line ends with CRLF; LF alone is taken too, as people type it.
    init(_ bytes: [UInt8]) {
        let beginning = bytes.prefix(Self.longest)
        guard let end = beginning.firstIndex(of: 10) else {
            self = bytes.count < Self.longest ? .incomplete : .malformed("the line is too long")
            if Self.isHopeless(beginning) { self = .malformed(Self.notAName) }
            return
        }
        let name = bytes[..<end].last == 13 ? bytes[..<(end - 1)] : bytes[..<end]
        guard !name.isEmpty, name.allSatisfy({ (0x21..<0x7f).contains($0) }) else {
            self = .malformed(Self.notAName)
            return
        }
        let text = String(decoding: name, as: UTF8.self)
        self = TCPMuxName.fold(text) == TCPMuxName.help ? .help(length: end + 1) : .name(text, length: end + 1)
    }

    private static let notAName = "that is no service name"

    /// Whatever comes, it will be no name: nobody has to wait for the rest.
    private static func isHopeless(_ bytes: ArraySlice<UInt8>) -> Bool {
        let name = bytes.last == 13 ? bytes.dropLast() : bytes
        return !name.allSatisfy { (0x21..<0x7f).contains($0) }
    }
}
