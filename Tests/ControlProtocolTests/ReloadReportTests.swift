import Testing

@testable import ControlProtocol

@Suite("What a reload has changed")
struct ReloadReportTests {
    private static let report: ReloadReport = {
        var report = ReloadReport()
        (report.added, report.removed, report.unchanged) = (["a"], ["b", "c"], 4)
        (report.keys, report.notes) = (["log.level"], ["something to know"])
        var change = ReloadReport.Change(service: "d", keys: ["listen", "exec"], handlers: .rolling)
        change.listeners = [
            ReloadReport.Listener(address: "*:1", transport: "tcp", .takenOver, from: "b"),
            ReloadReport.Listener(address: "/x", transport: "unix", .removed),
        ]
        change.notes = ["more to know"]
        report.changed = [change]
        return report
    }()

    @Test("it survives the way over the socket")
    func roundTrip() throws {
        for report in [ReloadReport(), Self.report] { #expect(try ReloadReport(json: report.json) == report) }
        #expect(throws: JSONShapeError.self) { try ReloadReport(json: ["added": [1]]) }
    }

    @Test("its JSON is what the page on the control socket says")
    func json() {
        #expect(
            Self.report.json.text
                == #"{"added":["a"],"removed":["b","c"],"changed":[{"service":"d","keys":["listen","exec"],"#
                + #""handlers":"rolling","listeners":[{"address":"*:1","protocol":"tcp","change":"taken_over","from":"b"},"#
                + #"{"address":"/x","protocol":"unix","change":"removed"}],"notes":["more to know"]}],"unchanged":4,"#
                + #""keys":["log.level"],"notes":["something to know"]}"#)
        #expect(ReloadReport().json.text == #"{"added":[],"removed":[],"changed":[],"unchanged":0,"notes":[]}"#)
    }

    @Test("in a line of the log it says how many, and names the first of them")
    func summary() {
        #expect(Self.report.summary == "1 added (a), 2 removed (b, c), 1 changed (d), 4 unchanged; log.level")
        var many = ReloadReport()
        many.added = (1...1000).map { "s\($0)" }
        #expect(many.summary == "1000 added (s1, s2, s3, s4, …), 0 unchanged")
        #expect(ReloadReport().summary == "nothing has changed")
    }
}
