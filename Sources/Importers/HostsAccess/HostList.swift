internal import ServiceTable

/// `a b EXCEPT c d`: patterns, and the list of what is excepted from them.
struct HostList: Sendable {
    var patterns: [HostPattern] = []
    private var exceptions: [HostList] = []

    init(patterns: [HostPattern]) {
        self.patterns = patterns
    }

    /// EXCEPT may nest so deep.
    private static let deepest = 16

    /// - Parameter words: The patterns; EXCEPT between them. Nil when EXCEPT nests too deep.
    init?(_ words: ArraySlice<String>) {
        guard words.count(where: { $0.uppercased() == "EXCEPT" }) <= Self.deepest else { return nil }
        self.init(nested: words)
    }

    private init(nested words: ArraySlice<String>) {
        let position = words.firstIndex { $0.uppercased() == "EXCEPT" }
        patterns = words[..<(position ?? words.endIndex)].map { HostPattern($0) }
        // The rest is the exception of the exception: a EXCEPT (b EXCEPT c).
        if let position { exceptions = [HostList(nested: words[(position + 1)...])] }
    }

    var exception: HostList? { exceptions.first }

    /// Whether clients of this block match, whose name, if known, is `name` or ends in it.
    func matches(_ block: AddressBlock, name: HostPattern?) -> Bool {
        let found = patterns.contains { pattern in
            switch pattern {
            case .everyone: true
            case .block(let wider): wider.contains(block)
            case .host, .domain: name.map { pattern.covers($0) } ?? false
            case .file, .nobody, .other: false
            }
        }
        return found && exception?.matches(block, name: name) != true
    }

    /// Every pattern, with the exceptions'; `isException` as often as EXCEPT stands before it is odd.
    func forEach(isException: Bool = false, _ body: (HostPattern, _ isException: Bool) -> Void) {
        for pattern in patterns { body(pattern, isException) }
        exception?.forEach(isException: !isException, body)
    }

    /// Puts the patterns of a file in the place of its name.
    func expandingFiles(_ read: (String) -> [HostPattern]) -> HostList {
        var list = self
        list.patterns = patterns.flatMap { pattern in
            if case .file(let path) = pattern { read(path) } else { [pattern] }
        }
        list.exceptions = exceptions.map { $0.expandingFiles(read) }
        return list
    }
}
