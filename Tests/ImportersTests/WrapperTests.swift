import Importers
import Testing

/// hosts.allow and hosts.deny behind inetd's tcpd and xinetd's libwrap.
@Suite struct WrapperTests {
    private static let xinetd = """
        service ftp
        {
         socket_type = stream
         wait = no
         user = ftp
         server = /x/in.ftpd
        }

        """

    private func inetd(_ line: String, allow: String = "", deny: String = "") throws -> Imported {
        try Imported(.inetd, ("inetd.conf", line + "\n"), ("hosts.allow", allow), ("hosts.deny", deny))
    }

    @Test("tcpd's rules become source lists of the daemon that they name")
    func wrapped() throws {
        let line = "ftp stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.ftpd"
        let rules = try inetd(line, allow: "in.ftpd: 10.0.0.\nin.telnetd: ALL\n", deny: "ALL: ALL\n")
        #expect(rules.services.contains("exec: [/usr/sbin/in.ftpd]\n  only_from: [10.0.0.0/24]\n"))
        #expect(rules.report.outcome == .complete)
        #expect(rules.report.directives.map(\.place.line) == [1, 1, 1])
        #expect(try !inetd(line).services.contains("only_from"))
    }

    @Test("without tcpd inetd asks nobody")
    func bare() throws {
        let rules = try inetd("ftp stream tcp nowait root /x/in.ftpd in.ftpd", deny: "ALL: ALL\n")
        #expect(!rules.services.contains("only_from"))
    }

    @Test("a stream wait service cannot be checked by Baton")
    func waiting() throws {
        let rules = try inetd("ftp stream tcp wait root /usr/sbin/tcpd in.ftpd", deny: "ALL: ALL\n")
        #expect(!rules.services.contains("only_from"))
        #expect(rules.report.outcome == .incomplete)
        #expect(rules.faults.isEmpty)
    }

    @Test("what tcp wrappers can do and Baton cannot is reported once, with the line of its file")
    func lost() throws {
        let line = "ftp stream tcp nowait root /usr/sbin/tcpd in.ftpd"
        let rules = try inetd(
            line + "\n" + line.replacing("ftp stream", with: "telnet stream"),
            deny: "ALL: ALL: spawn (echo %h) &\n")
        #expect(rules.report.outcome == .incomplete)
        let lost = rules.report.directives.filter { $0.fidelity.kind == .notExpressible }
        #expect(lost.map(\.place) == [SourcePlace(rules.directory.path("hosts.deny"), 1)])
    }

    @Test("a rule that does not parse is told, and exit 78")
    func broken() throws {
        let rules = try inetd("ftp stream tcp nowait root /usr/sbin/tcpd in.ftpd", allow: "in.ftpd\n")
        #expect(rules.report.errors.map(\.place) == [SourcePlace(rules.directory.path("hosts.allow"), 1)])
    }

    @Test("xinetd asks for every service, by the name of its program, unless NOLIBWRAP")
    func libwrap() throws {
        func imported(_ text: String) throws -> String {
            try Imported(
                .xinetd, ("xinetd.d/ftp", text), ("hosts.allow", "in.ftpd: 10.0.0.\nother: 10.0.1.\necho: 10.0.2.\n"),
                ("hosts.deny", "ALL: ALL\n"), path: "xinetd.d"
            ).services
        }
        #expect(try imported(Self.xinetd).contains("only_from: [10.0.0.0/24]"))
        #expect(try imported(Self.xinetd.replacing("wait", with: "libwrap = other\n wait")).contains("[10.0.1.0/24]"))
        #expect(try !imported(Self.xinetd.replacing("wait", with: "flags = NOLIBWRAP\n wait")).contains("only_from"))
        #expect(
            try imported("service echo\n{\n type = INTERNAL\n socket_type = stream\n wait = no\n}\n")
                .contains("[10.0.2.0/24]"))
    }

    static let both: [(own: String, allow: String, deny: String, lists: String)] = [
        ("only_from = 10.0.0.0", "ALL: 10.1.", "ALL: ALL", "only_from: [10.1.0.0/16]\n"),
        ("only_from = 10.1.0.0", "ALL: 10.", "ALL: ALL", "only_from: [10.1.0.0/16]\n"),
        ("only_from = 10.0.0.0", "ALL: 192.168.", "ALL: ALL", "only_from: []\n"),
        ("only_from = 10.0.0.0", "", "ALL: 10.1.", "only_from: [10.0.0.0/8]\n  no_access: [10.1.0.0/16]\n"),
        ("no_access = 10.0.0.0", "", "ALL: 10.1.", "no_access: [10.0.0.0/8]\n"),
        ("no_access = 10.0.0.0", "ALL: 10.", "ALL: ALL", "only_from: []\n"),
        ("no_access = 10.1.0.0", "ALL: 10.", "ALL: ALL", "only_from: [10.0.0.0/8]\n  no_access: [10.1.0.0/16]\n"),
        ("no_access = 10.0.0.1", "", "ALL: [::1]", "no_access: [10.0.0.1, \"::1\"]\n"),
    ]

    @Test("where the service has lists of its own, those get in whom both admit", arguments: both)
    func conjunction(own: String, allow: String, deny: String, lists: String) throws {
        let text = Self.xinetd.replacing("wait", with: "\(own)\n wait")
        let imported = try Imported(
            .xinetd, ("xinetd.conf", text), ("hosts.allow", allow + "\n"), ("hosts.deny", deny + "\n"))
        #expect(imported.services.contains(lists), "\(imported.yaml)")
        #expect(imported.report.outcome == .complete)
    }

    @Test("names in such lists cannot be weighed against each other; the rules are reported")
    func names() throws {
        let text = Self.xinetd.replacing("wait", with: "only_from = .example.org\n wait")
        let imported = try Imported(.xinetd, ("xinetd.conf", text), ("hosts.deny", "ALL: 10.\n"))
        #expect(imported.services.contains("only_from: [.example.org]"))
        #expect(imported.report.outcome == .incomplete)
    }
}
