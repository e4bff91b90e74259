/// The rules of tcp wrappers that go with a configuration, looked at when the first service asks.
struct WrapperRules {
    private let directory: String
    private var access: HostsAccess?
    private var verdicts: [String: HostsVerdict] = [:]

    /// hosts.allow and hosts.deny are sought beside the configuration, above its directory (for xinetd.d), and in
    /// /etc.
    init(beside path: String, files: SourceFiles) {
        let here = files.isDirectory(path) ? (path.hasSuffix("/") ? path : path + "/") : path.directoryPrefix
        let candidates = [here, here + "../"]
        directory =
            candidates.first { files.exists($0 + "hosts.allow") || files.exists($0 + "hosts.deny") } ?? "/etc/"
    }

    /// What the rules come to for a daemon.
    mutating func verdict(of daemon: String, into report: inout ImportReport, files: inout SourceFiles) -> HostsVerdict
    {
        if let known = verdicts[daemon] { return known }
        let access: HostsAccess
        if let known = self.access {
            access = known
        } else {
            access = HostsAccess(allow: directory + "hosts.allow", deny: directory + "hosts.deny", files: &files)
            self.access = access
            for error in access.errors { report.fail(error.message, at: error.place) }
        }
        let verdict = HostsVerdict(access, of: daemon)
        verdicts[daemon] = verdict
        return verdict
    }
}

extension DraftService {
    /// Puts the verdict's lists and keys into the service.
    ///
    /// - Parameter isChecked: False when no peer is known before the program accepts.
    /// - Returns: The rules, and what became of them.
    mutating func apply(_ verdict: HostsVerdict, isChecked: Bool) -> [Directive] {
        guard !verdict.directives.isEmpty else { return [] }
        guard isChecked else {
            return verdict.directives.map { directive in
                let reason = "no peer is known before a wait program accepts; let the program check"
                return Directive(directive.text, at: directive.place, .notExpressible(reason))
            }
        }
        let own = SourceLists(onlyFrom: self["only_from"]?.texts, noAccess: self["no_access"]?.texts ?? [])
        let wrapped = SourceLists(onlyFrom: verdict.onlyFrom, noAccess: verdict.noAccess)
        guard let both = own.and(wrapped) else {
            return verdict.directives.map { directive in
                let reason =
                    "the service has lists of its own, and with names in them both cannot hold in one; write it by hand"
                return Directive(directive.text, at: directive.place, .notExpressible(reason))
            }
        }
        self["only_from"] = both.onlyFrom.map { .texts($0) }
        self["no_access"] = both.noAccess.isEmpty ? nil : .texts(both.noAccess)
        for key in verdict.keys where self[key.name] == nil { self[key.name] = key.value }
        return verdict.directives
    }
}

extension DraftValue {
    /// The elements of a list of text.
    fileprivate var texts: [String]? {
        guard case .list(let values) = self else { return nil }
        return values.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }
}
