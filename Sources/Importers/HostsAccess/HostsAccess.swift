/// The rules of hosts.allow and hosts.deny (hosts_access(5)): for each daemon, who gets in.
package struct HostsAccess: Sendable {
    package static let allowFile = "/etc/hosts.allow"
    package static let denyFile = "/etc/hosts.deny"

    /// In the order in which they are asked: hosts.allow first.
    private(set) var rules: [HostsRule] = []
    /// What does not parse or cannot be read. A line that does not parse is passed over, as tcp wrappers do.
    package private(set) var errors: [ImportReport.SourceError] = []

    /// Limits of one look.
    private static let longestRule = 8192
    private static let deepestFile = 4

    /// Reads both files; one that is not there is an empty one.
    package init(allow: String = allowFile, deny: String = denyFile, files: inout SourceFiles) {
        read(allow, grants: true, &files)
        read(deny, grants: false, &files)
    }

    private mutating func read(_ path: String, grants: Bool, _ files: inout SourceFiles) {
        let bytes: [UInt8]
        do throws(SourceFiles.Failure) {
            bytes = try files.read(path)
        } catch {
            if !error.isAbsent { fail(error.message, at: SourcePlace(path, 0)) }
            return
        }
        for line in Self.lines(bytes, of: path) {
            do throws(HostsRule.Fault) {
                guard line.text.utf8.count <= Self.longestRule else {
                    throw HostsRule.Fault(message: "a rule has at most \(Self.longestRule) bytes")
                }
                var rule = try HostsRule(line.text, at: line.place, grants: grants)
                rule.clients = rule.clients.expandingFiles { patterns(of: $0, depth: 0, at: line.place, &files) }
                rules.append(rule)
            } catch {
                fail(error.message, at: line.place)
            }
        }
    }

    private mutating func fail(_ message: String, at place: SourcePlace) {
        errors.append(ImportReport.SourceError(place: place, message: message))
    }

    /// Lines without comments, each joined with those that a backslash before the line's end adds to it.
    private static func lines(_ bytes: [UInt8], of path: String) -> [(text: String, place: SourcePlace)] {
        var result: [(text: String, place: SourcePlace)] = []
        var open: (text: String, place: SourcePlace)?
        for line in SourceLines(bytes).lines {
            var text = line.text
            let continues = text.hasSuffix("\\")
            if continues { text.removeLast() }
            var whole = open ?? ("", SourcePlace(path, line.number))
            whole.text += text
            open = continues && whole.text.utf8.count <= longestRule ? whole : nil
            if open == nil { result.append(whole) }
        }
        if let open { result.append(open) }
        return result.filter { !$0.text.hasPrefix("#") && !$0.text.allSatisfy { $0.isBlank || $0 == "\r" } }
    }

    /// The patterns that a `/file` lists, and those of the files that it names in turn.
    private mutating func patterns(
        of path: String, depth: Int, at place: SourcePlace, _ files: inout SourceFiles
    ) -> [HostPattern] {
        guard depth < Self.deepestFile else {
            fail("\(path): files of patterns name each other too deep", at: place)
            return []
        }
        do throws(SourceFiles.Failure) {
            let text = String(decoding: try files.read(path), as: UTF8.self)
            let words = text.split { $0.isBlank || $0.isNewline }
            var found: [HostPattern] = []
            for pattern in words.map({ HostPattern(String($0)) }) {
                if case .file(let inner) = pattern {
                    found += patterns(of: inner, depth: depth + 1, at: place, &files)
                } else {
                    found.append(pattern)
                }
            }
            return found
        } catch {
            // As there: a file that cannot be read matches nobody.
            fail("\(path): \(error.message)", at: place)
            return []
        }
    }
}
