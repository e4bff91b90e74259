import Importers
import ServiceTable
import TestSupport
import Testing

/// hosts.allow and hosts.deny.
@Suite struct HostsAccessTests {
    private struct Asked {
        let directory: TemporaryDirectory
        let access: HostsAccess
        let verdict: HostsVerdict

        /// `FILE` in the rules stands for the path of a file with `patterns`.
        init(_ allow: String, _ deny: String, patterns: String = "", daemon: String = "in.ftpd") throws {
            let directory = try TemporaryDirectory()
            self.directory = directory
            try directory.write("patterns", patterns)
            func write(_ name: String, _ text: String) throws -> String {
                let pieces = text.split(separator: "FILE", omittingEmptySubsequences: false)
                try directory.write(name, pieces.joined(separator: directory.path("patterns")))
                return directory.path(name)
            }
            var files = SourceFiles()
            access = HostsAccess(allow: try write("allow", allow), deny: try write("deny", deny), files: &files)
            verdict = HostsVerdict(access, of: daemon)
        }

        /// `only_from | no_access`, `*` for everyone.
        var lists: String {
            let from = verdict.onlyFrom.map { $0.joined(separator: " ") } ?? "*"
            return "\(from) | \(verdict.noAccess.joined(separator: " "))"
        }
    }

    static let rules: [(allow: String, deny: String, lists: String)] = [
        ("", "", "* | "),
        ("ALL: ALL", "ALL: ALL", "* | "),
        ("", "ALL: ALL", " | "),
        ("in.ftpd: 10.", "ALL: ALL", "10.0.0.0/8 | "),
        (
            "IN.FTPD : 131.155.72.0/255.255.254.0 , [3ffe:505:2:1::]/64", "all:all",
            "131.155.72.0/23 3ffe:505:2:1::/64 | "
        ),
        ("in.tftpd: 10.", "ALL: ALL", " | "),
        ("", "ALL: 192.0.2.7", "* | 192.0.2.7"),
        // hosts.allow comes first, so the smaller block of hosts.deny has no effect.
        ("ALL: 10.", "ALL: 10.1.", "* | "),
        ("ALL: 10.1.", "ALL: 10.", "0.0.0.0/0 10.1.0.0/16 ::/0 | 10.0.0.0/8"),
        ("ALL: 10. EXCEPT 10.1.2.", "ALL: ALL", "10.0.0.0/8 | 10.1.2.0/24"),
        ("ALL: 10. EXCEPT 10.1.2.\nALL: 10.1.", "ALL: ALL", "10.0.0.0/8 | "),
        ("ALL: 10. EXCEPT 10.1. EXCEPT 10.1.2.", "ALL: ALL", "10.0.0.0/8 10.1.2.0/24 | 10.1.0.0/16"),
        ("ALL EXCEPT in.ftpd: 10.", "ALL: ALL", " | "),
        ("ALL EXCEPT in.fingerd: 10.", "ALL: ALL", "10.0.0.0/8 | "),
        ("ALL: 10.: DENY\nALL: ALL: ALLOW", "", "* | 10.0.0.0/8"),
        ("ALL: .friendly.domain: ALLOW\nALL: ALL: DENY", "", ".friendly.domain | "),
        ("ALL: .bad.domain: DENY\nALL: ALL: ALLOW", "", "* | .bad.domain"),
        ("", "ALL: ALL EXCEPT .example.org EXCEPT pc1.example.org", ".example.org | pc1.example.org"),
        ("ALL: 10.1.*, *.example.org 192.168.*.*", "ALL: ALL", "10.1.0.0/16 192.168.0.0/16 .example.org | "),
        ("ALL: FILE", "ALL: ALL", "10.0.0.0/8 192.0.2.1 a.example.org | "),
        ("ALL: [::1], [fe80::]/10, [::ffff:10.0.0.1]", "ALL: ALL", "10.0.0.1 ::1 fe80::/10 | "),
        // Bits behind the mask: there as here it matches nobody.
        ("ALL: 10.1.2.3/8", "ALL: ALL", " | "),
        ("ALL: LOCAL, @group, joe@10.1.1.1, ALL@10.2.2.2", "ALL: ALL", "10.2.2.2 | "),
        ("in.ftpd@10.0.0.1: 10.", "ALL: ALL", " | "),
        ("ALL: 10. : spawn (echo \\: hi) & : ALLOW", "ALL: ALL", "10.0.0.0/8 | "),
        ("ALL: 10. : nonsense", "", "* | 10.0.0.0/8"),
        ("ALL: 10. : aclexec /bin/true", "", "* | 10.0.0.0/8"),
        ("ALL: 10. : twist /bin/echo 421 no", "", "* | 10.0.0.0/8"),
        ("# ALL: 1.\n\n \nALL: 10.\\\n 11.\nno colon here", "ALL: ALL", "10.0.0.0/7 | "),
    ]

    @Test("the lists let in whom the rules let in", arguments: rules)
    func lists(_ rule: (allow: String, deny: String, lists: String)) throws {
        let asked = try Asked(rule.allow, rule.deny, patterns: "10.\n192.0.2.1\ta.example.org\n")
        #expect(asked.lists == rule.lists.replacing("10.0.0.0/7", with: "10.0.0.0/8 11.0.0.0/8"))
        for entry in (asked.verdict.onlyFrom ?? []) + asked.verdict.noAccess {
            let table = "services: {s: {listen: 1, internal: echo, no_access: [\"\(entry)\"]}}"
            let faults = ServiceTableReader.read(text: Array(table.utf8), name: "t", resolving: false).faults
            #expect(!faults.contains { $0.message.contains("expected") || $0.message.contains("behind") }, "\(faults)")
        }
    }

    @Test("each rule that is for the daemon is told, with what cannot be said")
    func directives() throws {
        let asked = try Asked(
            """
            in.fingerd: 1.2.3.4
            in.ftpd: LOCAL, 10.
            ALL: pc.example.org : severity mail.info
            """, "in.ftpd: PARANOID\nin.ftpd: 11. : linger 3\n")
        #expect(asked.verdict.directives.map(\.place.line) == [2, 3, 1, 2])
        #expect(
            asked.verdict.directives.map(\.fidelity.kind) == [
                .notExpressible, .notExpressible, .notExpressible, .notExpressible,
            ])
        let reasons = asked.verdict.directives.compactMap(\.fidelity.reason)
        #expect(reasons[0].contains("fewer clients get in"))
        #expect(reasons[1].contains("severity: ") && reasons[1].contains("looked up"))
        #expect(reasons[2].contains("more clients get in"))
        #expect(reasons[3].contains("linger: "))
    }

    @Test("options of the one rule by which clients come in become keys of the service")
    func options() throws {
        let asked = try Asked(
            "ALL: 10. : keepalive : nice 5 : umask 027 : setenv A b c : setenv B d : user nobody.kmem : ALLOW",
            "ALL: ALL")
        #expect(asked.verdict.keys.map(\.name) == ["socket", "nice", "umask", "env", "user", "group"])
        #expect(asked.verdict.keys[3].value == .pairs(("A", .text("b c")), ("B", .text("d"))))
        #expect(asked.verdict.directives[0].fidelity == .exact)
        let two = try Asked("ALL: 10. : nice 5\nALL: 11.", "ALL: ALL")
        #expect(two.verdict.keys.isEmpty)
        #expect(two.verdict.directives[0].fidelity.kind == .notExpressible)
    }

    @Test("what does not parse is told and passed over; a file that is not there is empty")
    func broken() throws {
        let asked = try Asked("nothing\nALL: FILE.none", "ALL: ALL \(String(repeating: "EXCEPT a ", count: 50))")
        #expect(asked.access.errors.map(\.place.line) == [1, 2, 1])
        #expect(asked.lists == " | " || asked.lists == "* | ")
        var files = SourceFiles()
        let absent = HostsAccess(allow: "/nonexistent/a", deny: "/nonexistent/b", files: &files)
        #expect(absent.errors.isEmpty)
        #expect(HostsVerdict(absent, of: "x").onlyFrom == nil)
    }

    @Test("files of patterns that name themselves come to an end")
    func recursion() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("loop")
        try directory.write("loop", "\(path) 10. \(path)")
        try directory.write("allow", "ALL: \(path)")
        var files = SourceFiles()
        let access = HostsAccess(allow: directory.path("allow"), deny: "/nonexistent", files: &files)
        #expect(!access.errors.isEmpty)
        _ = HostsVerdict(access, of: "x")
    }

    @Test("many patterns cost bounded time: beyond the limit nobody is let in, and that is said")
    func many() throws {
        let patterns = (0..<5000).map { "10.\($0 >> 8).\($0 & 255).0/24" }.joined(separator: "\n")
        let asked = try Asked("ALL: FILE", "ALL: ALL", patterns: patterns)
        #expect(asked.verdict.onlyFrom?.isEmpty == true)
        #expect(asked.verdict.directives[0].fidelity.kind == .notExpressible)
    }
}
