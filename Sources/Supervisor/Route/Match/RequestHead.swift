/// The beginning of an HTTP/1 request, as far as routing asks (RFC 9112, sections 3 and 5).
struct RequestHead: Equatable {
    var method: String
    /// Of the target, without its query; `*` or empty where it has none.
    var path: String
    /// In lower case, without the port. Nil: none was named, or the fields were not read.
    var host: String?
}

extension RequestHead {
    /// RFC 9110, section 9 and PATCH (RFC 5789) are shorter; WebDAV's longest is VERSION-CONTROL.
    private static let longestMethod = 32
    private static let secondPreface = Array("PRI * HTTP/2.0\r\n".utf8)

    /// Reads the request line and, if `fields`, the header as far as Host.
    ///
    /// Of HTTP/2 in the clear only the preface can be read: method PRI, path `*`.
    static func read(_ bytes: [UInt8], fields: Bool) -> Sight<RequestHead> {
        // RFC 9112, section 2.2: an empty line before the request is passed over.
        let start = bytes.starts(with: [0x0d, 0x0a]) ? 2 : 0
        guard let end = bytes[start...].firstIndex(of: 0x0a) else {
            return mayBeRequestLine(bytes[start...]) ? .more(atLeast: bytes.count + 1) : .other
        }
        guard var head = requestLine(trimmed(bytes[start..<end])) else { return .other }
        guard fields, head.host == nil, !bytes.starts(with: secondPreface) else { return .found(head) }
        var position = end + 1
        while let next = bytes[position...].firstIndex(of: 0x0a) {
            let line = trimmed(bytes[position..<next])
            if line.isEmpty { return .found(head) }
            if let host = host(in: line) {
                head.host = host
                return .found(head)
            }
            position = next + 1
        }
        return .more(atLeast: bytes.count + 1)
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line.last == 0x0d ? line.dropLast() : line
    }

    /// So far nothing speaks against it: a method of letters, a space, no control characters.
    private static func mayBeRequestLine(_ bytes: ArraySlice<UInt8>) -> Bool {
        let method = bytes.prefix { $0 != 0x20 }
        return method.count <= longestMethod && method.allSatisfy(isMethodCharacter)
            && (method.count == bytes.count || !method.isEmpty)
            && bytes.dropFirst(method.count).allSatisfy { $0 >= 0x20 || $0 == 0x0d }
    }

    /// Registered methods have capital letters and hyphens only; clients of nothing else are meant here.
    private static func isMethodCharacter(_ byte: UInt8) -> Bool {
        (0x41...0x5a).contains(byte) || byte == 0x2d
    }

    private static func requestLine(_ line: ArraySlice<UInt8>) -> RequestHead? {
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        // What is refused in a part is refused in the whole.
        guard mayBeRequestLine(line), words.count == 3, (1...longestMethod).contains(words[0].count),
            words[0].allSatisfy(isMethodCharacter),
            words[2].starts(with: Array("HTTP/".utf8))
        else { return nil }
        let target = String(decoding: words[1], as: UTF8.self)
        let (authority, rest) = split(target, method: words[0])
        return RequestHead(
            method: String(decoding: words[0], as: UTF8.self), path: String(rest.prefix { $0 != "?" && $0 != "#" }),
            host: authority.map(withoutPort))
    }

    /// Absolute form (`http://host/path`) and CONNECT's authority name the host, and win over Host.
    private static func split(_ target: String, method: ArraySlice<UInt8>) -> (authority: Substring?, rest: Substring) {
        if method.elementsEqual("CONNECT".utf8) { return (target[...], "") }
        let scheme = target.prefix { $0 != ":" && $0 != "/" }
        guard !scheme.isEmpty, target[scheme.endIndex...].hasPrefix("://") else { return (nil, target[...]) }
        let behind = target[scheme.endIndex...].dropFirst(3)
        let authority = behind.prefix { $0 != "/" && $0 != "?" }
        let path = behind[authority.endIndex...]
        return (authority, path.isEmpty || path.hasPrefix("?") ? "/" : path)
    }

    private static func host(in line: ArraySlice<UInt8>) -> String? {
        let text = String(decoding: line, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":"), text[..<colon].lowercased() == "host" else { return nil }
        let value = text[text.index(after: colon)...]
        return withoutPort(value.drop { $0 == " " || $0 == "\t" })
    }

    private static func withoutPort(_ authority: Substring) -> String {
        let trimmed = authority.prefix { $0 != " " && $0 != "\t" }
        if trimmed.hasPrefix("[") { return String(trimmed.prefix { $0 != "]" }.dropFirst()).lowercased() }
        return String(trimmed.prefix { $0 != ":" }).lowercased()
    }
}
