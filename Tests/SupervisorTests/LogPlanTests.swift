import ServiceTable
import Testing

@testable import Supervisor

@Suite("Where the log goes")
struct LogPlanTests {
    private func plan(
        _ format: LogFormat? = nil, _ path: String? = nil, override: LogFormat? = nil, journal: Bool = false
    ) -> LogPlan {
        LogPlan(LogSettings(format: format, path: path), override: override, standardErrorIsJournal: journal)
    }

    private func plan(of format: LogFormat, _ place: LogPlan.Place) -> LogPlan {
        var plan = plan(format)
        plan.place = place
        return plan
    }

    @Test("text on standard error by default, and the journal where standard error leads there")
    func standard() {
        #expect(plan() == plan(of: .text, .standardError))
        #expect(plan(journal: true) == plan(of: .journal, .socket("/run/systemd/journal/socket")))
        #expect(plan(.text, journal: true) == plan(of: .text, .standardError))
        #expect(plan(nil, "/l", journal: true) == plan(of: .text, .file("/l")))
    }

    @Test("to is a file of text and json, and the socket of syslog and journal")
    func places() {
        #expect(plan(.json, "/l") == plan(of: .json, .file("/l")))
        #expect(plan(.syslog) == plan(of: .syslog, .socket("/dev/log")))
        #expect(plan(.syslog, "/s") == plan(of: .syslog, .socket("/s")))
        #expect(plan(.journal, "/s") == plan(of: .journal, .socket("/s")))
    }

    @Test("the command line's format counts; a path of the other kind is not meant")
    func overrides() {
        #expect(plan(nil, "/l", override: .json) == plan(of: .json, .file("/l")))
        #expect(plan(nil, "/l", override: .syslog) == plan(of: .syslog, .socket("/dev/log")))
        #expect(plan(.journal, "/s", override: .text) == plan(of: .text, .standardError))
        #expect(plan(.journal, "/s", override: .syslog) == plan(of: .syslog, .socket("/s")))
        #expect(plan(override: .text, journal: true) == plan(of: .text, .standardError))
    }
}
