/// The head of an HTTP/1 request (RFC 9112): what this endpoint needs of it.
struct RequestHead: Hashable {
    var method: String
    /// Without its query.
    var path: String
    /// The values of `Accept`, joined.
    var accept = ""

    /// The most bytes that a head may have.
    static let mostBytes = 8 << 10
}

extension RequestHead {
    /// Reads a head, up to and with the empty line behind it.
    init(parsing head: [UInt8]) throws(HTTPStatus) {
        var lines = head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        }[...]
        // One empty line too many is forgiven (section 2.2).
        if lines.first?.isEmpty == true { lines.removeFirst() }
        let (method, target, version) = try Self.requestLine(lines.popFirst() ?? [])
        self.method = method
        var hosts = 0
        while let line = lines.popFirst(), !line.isEmpty {
            let (name, value) = try Self.field(line)
            switch name {
            case "host": hosts += 1
            case "accept": accept += accept.isEmpty ? value : ",\(value)"
            default: break
            }
        }
        // Section 3.2: exactly one in HTTP/1.1.
        guard hosts == 1 || version == "HTTP/1.0" && hosts == 0 else { throw .badRequest }
        path = try Self.path(of: target)
    }

    private static func requestLine(_ line: ArraySlice<UInt8>) throws(HTTPStatus) -> (String, String, String) {
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, !words[0].isEmpty, words[0].allSatisfy(isTokenByte), !words[1].isEmpty,
            words[1].allSatisfy({ (0x21..<0x7f).contains($0) })
        else { throw .badRequest }
        let version = text(words[2])
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else {
            throw version.hasPrefix("HTTP/") ? .versionNotSupported : .badRequest
        }
        return (text(words[0]), text(words[1]), version)
    }

    /// The name in lower case. A line that begins with a blank would go on with the last one (obsolete, section 5.2).
    private static func field(_ line: ArraySlice<UInt8>) throws(HTTPStatus) -> (name: String, value: String) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(isTokenByte)
        else { throw .badRequest }
        let value = line[(colon + 1)...]
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else { throw .badRequest }
        return (text(line[..<colon]).lowercased(), text(value))
    }

    /// In origin-form or, as every server must take it, in absolute-form (section 3.2.2).
    private static func path(of target: String) throws(HTTPStatus) -> String {
        var path = target[...]
        if let scheme = target.firstRange(of: "://"), !target.hasPrefix("/") {
            let rest = target[scheme.upperBound...]
            path = rest.firstIndex { $0 == "/" || $0 == "?" }.map { rest[$0...] } ?? "/"
        }
        guard path.hasPrefix("/") || path.hasPrefix("?") else { throw .badRequest }
        return String(path.prefix { $0 != "?" })
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// A byte of a token (RFC 9110, section 5.6.2).
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

/// Gathers the bytes of a head.
struct RequestReader {
    private var bytes: [UInt8] = []

    /// The head when it is complete; nil while more is to come. What follows it is not looked at.
    mutating func append(_ more: ArraySlice<UInt8>) throws(HTTPStatus) -> RequestHead? {
        // The end may lie across the border.
        var place = max(0, bytes.count - 3)
        bytes += more
        while let newline = bytes[place...].firstIndex(of: UInt8(ascii: "\n")), newline < RequestHead.mostBytes {
            if isEmptyLine(endingAt: newline) { return try RequestHead(parsing: Array(bytes[...newline])) }
            place = newline + 1
        }
        if bytes.count >= RequestHead.mostBytes { throw .headTooLarge }
        return nil
    }

    /// An empty line that ends a head; not the one that may stand before it.
    private func isEmptyLine(endingAt newline: Int) -> Bool {
        var end = newline
        if end > 0, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return end > 0 && bytes[end - 1] == UInt8(ascii: "\n") && bytes[..<end].contains { $0 != 0x0a && $0 != 0x0d }
    }
}
