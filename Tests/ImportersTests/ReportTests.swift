import Importers
import Testing

@Suite struct ReportTests {
    private let place = SourcePlace("inetd.conf", 3)

    @Test("the outcome is that of the worst: a directive without equivalent 1, a source that does not parse 78")
    func outcome() {
        var report = ImportReport()
        #expect(report.outcome == .complete)
        report.note(Directive("a", at: place, .approximated("nearly")))
        #expect(report.outcome == .complete)
        report.note(Directive("b", at: place, .notExpressible("no")))
        #expect(report.outcome == .incomplete)
        report.fail("rubbish", at: SourcePlace("inetd.conf", 4), text: "c")
        #expect(report.outcome == .unparsed)
        #expect(report.directives.map(\.fidelity.kind) == [.approximated, .notExpressible, .notExpressible])
        #expect(
            report.warnings == [
                "inetd.conf:3: warning: a: approximated: nearly", "inetd.conf:3: warning: b: not expressible: no",
                "inetd.conf:4: error: rubbish",
            ])
    }

    @Test("regression: what a source has for a keyword or a name reached the terminal as it was")
    func controlCharacters() throws {
        let wrapped = "ftp stream tcp nowait root /usr/sbin/tcpd in.ftpd\n"
        let imports = try [
            Imported(.inetd, ("inetd.conf", wrapped), ("hosts.allow", "ALL: ALL: um\u{1b}[2Jask 022\n")),
            Imported(.xinetd, ("xinetd.conf", "service \u{1b}[2J\n{\n socket_type = stream\n")),
            Imported(
                .systemd, ("a.socket", "[Socket]\nListenStream=80\n"),
                ("a.service", "[Service]\nExecStart=/bin/x\nCapabilityBoundingSet=CAP_\u{1b}[2J\n")),
        ]
        for imported in imports {
            let said = imported.report.warnings.joined() + imported.yaml
            #expect(said.contains("\\u{1b}[2J"))
            #expect(!said.unicodeScalars.contains("\u{1b}"))
        }
    }

    @Test("fidelities join to the worse, with the reasons of both")
    func joining() {
        #expect(Fidelity.exact.and(.exact) == .exact)
        #expect(Fidelity.exact.and(.approximated("a")) == .approximated("a"))
        #expect(Fidelity.approximated("a").and(.notExpressible("b")) == .notExpressible("b; approximated: a"))
        #expect(Fidelity.approximated("a").and(.approximated("a")) == .approximated("a"))
    }
}
