enum HostPattern {
    /// Byte by byte; the letters of ASCII in either case.
    ///
    /// - Parameter pattern: A name, or `*.` and a domain.
    static func matches(_ name: [UInt8]?, _ pattern: String) -> Bool {
        guard let name else { return false }
        let host = name.last == UInt8(ascii: ".") ? name.dropLast() : name[...]
        let pattern = Array(pattern.utf8)
        guard pattern.starts(with: "*.".utf8) else { return host.equalsIgnoringCase(pattern) }
        let domain = pattern.dropFirst()
        return host.count > domain.count && host.suffix(domain.count).equalsIgnoringCase(domain)
    }
}
