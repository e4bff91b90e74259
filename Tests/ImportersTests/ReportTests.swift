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

    @Test("fidelities join to the worse, with the reasons of both")
    func joining() {
        #expect(Fidelity.exact.and(.exact) == .exact)
        #expect(Fidelity.exact.and(.approximated("a")) == .approximated("a"))
        #expect(Fidelity.approximated("a").and(.notExpressible("b")) == .notExpressible("b; approximated: a"))
        #expect(Fidelity.approximated("a").and(.approximated("a")) == .approximated("a"))
    }
}
