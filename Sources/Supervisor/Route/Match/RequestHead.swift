/// The beginning of an HTTP/1 request, as far as routing asks (RFC 9112, sections 3 and 5).
struct RequestHead: Equatable {
    var method: [UInt8]
    /// Of the target, without its query; `*` or empty where it has none.
    var path: [UInt8]
    /// In lower case, without the port. Nil: none was named, or the fields were not read.
    var host: [UInt8]?
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
        if bytes == [0x0d] { return .more(atLeast: 2) }
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
            if let authority = hostField(line) {
                guard let host = host(of: authority) else { return .other }
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
        var head = RequestHead(method: Array(words[0]), path: [], host: nil)
        let (authority, path) = split(words[1], method: words[0])
        if let authority {
            guard let host = host(of: authority) else { return nil }
            head.host = host
        }
        head.path = Array(path.prefix { $0 != question && $0 != hash })
        return head
    }

    private static let slash = UInt8(ascii: "/")
    private static let colon = UInt8(ascii: ":")
    private static let question = UInt8(ascii: "?")
    private static let hash = UInt8(ascii: "#")

    /// Absolute form (`http://host/path`) and CONNECT's authority name the host, and win over Host.
    private static func split(
        _ target: ArraySlice<UInt8>, method: ArraySlice<UInt8>
    ) -> (authority: ArraySlice<UInt8>?, rest: ArraySlice<UInt8>) {
        if method.elementsEqual("CONNECT".utf8) { return (target, []) }
        let scheme = target.prefix { $0 != colon && $0 != slash }
        guard !scheme.isEmpty, target[scheme.endIndex...].starts(with: "://".utf8) else { return (nil, target) }
        let behind = target[scheme.endIndex...].dropFirst(3)
        let authority = behind.prefix { $0 != slash && $0 != question && $0 != hash }
        let path = behind[authority.endIndex...]
        return (authority, path.first == slash ? path : [slash])
    }

    /// The value of Host, if this is it.
    private static func hostField(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = line.firstIndex(of: colon), line[..<end].equalsIgnoringCase("host".utf8) else { return nil }
        let value = line[(end + 1)...].drop(while: isSpace)
        return value[..<(value.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? value.startIndex)]
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Without the port; nil where it is none. A name of a user before it is an error, for it is there to deceive
    /// (RFC 9110, section 4.2.4).
    private static func host(of authority: ArraySlice<UInt8>) -> [UInt8]? {
        guard !authority.contains(where: { $0 == UInt8(ascii: "@") || isSpace($0) }) else { return nil }
        guard authority.first == UInt8(ascii: "[") else {
            return authority.prefix { $0 != colon }.lowercasedASCII
        }
        guard let end = authority.firstIndex(of: UInt8(ascii: "]")) else { return nil }
        let port = authority[(end + 1)...]
        return port.isEmpty || port.first == colon ? authority[..<end].dropFirst().lowercasedASCII : nil
    }
}
