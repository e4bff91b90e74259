import LinuxSystem
import Testing

@testable import Supervisor

@Suite("What a service manager says in the environment")
struct ManagerEnvironmentTests {
    private func read(_ environment: [String: String]) -> ManagerEnvironment {
        ManagerEnvironment(environment, pid: 42)
    }

    @Test("nothing, and what is meant for another process")
    func nothing() {
        for environment in [
            [:], ["LISTEN_FDS": "2"], ["LISTEN_PID": "41", "LISTEN_FDS": "2"],
            ["LISTEN_PID": "42", "LISTEN_FDS": "-1"], ["LISTEN_PID": "42", "LISTEN_FDS": "4000000000"],
            ["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "41"], ["WATCHDOG_USEC": "0"], ["WATCHDOG_USEC": "soon"],
            ["NOTIFY_SOCKET": "relative"], ["NOTIFY_SOCKET": ""],
        ] {
            let read = read(environment)
            #expect(read.passed.isEmpty && read.watchdog == nil && read.notifySocket == nil, "\(environment)")
        }
    }

    @Test("sockets, the watchdog, and the names of what is passed")
    func all() {
        #expect(read(["NOTIFY_SOCKET": "/run/n"]).notifySocket == .unix(path: "/run/n"))
        #expect(read(["NOTIFY_SOCKET": "@n"]).notifySocket == .abstract(name: "n"))
        #expect(read(["WATCHDOG_USEC": "1500"]).watchdog == .microseconds(1500))
        #expect(read(["WATCHDOG_USEC": "1500", "WATCHDOG_PID": "42"]).watchdog == .microseconds(1500))
        let two = ["LISTEN_PID": "42", "LISTEN_FDS": "2"]
        #expect(read(two).passed == ["unknown", "unknown"])
        #expect(read(two.merging(["LISTEN_FDNAMES": "a:b"]) { $1 }).passed == ["a", "b"])
        #expect(read(two.merging(["LISTEN_FDNAMES": ":b:c"]) { $1 }).passed == ["", "b"])
        #expect(read(["FDSTORE": "0"]).storeLimit == 0)
        #expect(read([:]).storeLimit == nil)
    }

    @Test("how things stand, in a line")
    func summary() {
        var summary = SupervisorSummary(services: 1, listeners: 2, connections: 3)
        #expect(summary.text == "1 service, 2 listeners, 3 connections")
        summary.unbound = 1
        summary.failed = ["a", "b"]
        #expect(summary.text == "1 service, 2 listeners, 3 connections; 1 listener not bound; failed: a, b")
        summary.failed = (1...7).map { "s\($0)" }
        #expect(summary.text.hasSuffix("; failed: s1, s2, s3, s4, s5 and 2 more"))
        summary.stopping = "SIGTERM"
        #expect(summary.text == "stopping (SIGTERM), 3 connections left")
    }
}
