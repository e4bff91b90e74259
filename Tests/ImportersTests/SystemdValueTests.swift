import Importers
import TestSupport
import Testing

/// Values that systemd passes over, and what depends on whether a program gets connections or the sockets.
@Suite struct SystemdValueTests {
    /// A socket unit `x.socket` with `x.service` or `x@.service`.
    private func imported(_ socket: String, _ service: String = "ExecStart=/bin/x") throws -> Imported {
        let name = socket.contains("Accept=yes") ? "x@.service" : "x.service"
        return try Imported(.systemd, ("x.socket", "[Socket]\n\(socket)\n"), (name, "[Service]\n\(service)\n"))
    }

    static let passedOver: [(socket: String, service: String, key: String)] = [
        ("Accept=yes\nMaxConnections=5\nMaxConnections=x", "", "instances: 5"),
        ("Accept=yes\nAccept=perhaps", "", "instances: 64"),
        ("Accept=yes\nAccept=", "", "instances: 64"),
        ("Accept=yes\nTriggerLimitIntervalSec=1s\nTriggerLimitIntervalSec=soon", "", "rate: {rate: 200/s"),
        ("ListenStream=/run/x\nSocketMode=0600\nSocketMode=rw", "", "mode: 0600"),
        ("SendBuffer=64K\nSendBuffer=big", "", "send_buffer: 65536"),
        ("NoDelay=yes\nNoDelay=perhaps", "", "no_delay: true"),
        ("", "UMask=027\nUMask=rwx", "umask: 027"),
        ("", "NoNewPrivileges=yes\nNoNewPrivileges=x", "no_new_privileges: true"),
        ("", "Nice=5\nNice=20", "nice: 5"),
        ("", "LimitNOFILE=100\nLimitNOFILE=many", "nofile: 100"),
        ("", "TimeoutStopSec=3\nTimeoutStopSec=soon", "stop_grace: 3s"),
        ("", "StandardInput=socket\nStandardInput=here", "stderr: connection"),
    ]

    @Test("a value that systemd does not take leaves the one before in force", arguments: passedOver)
    func passesOver(_ row: (socket: String, service: String, key: String)) throws {
        let imported = try imported("ListenStream=80\n\(row.socket)", "ExecStart=/bin/x\n\(row.service)")
        #expect(imported.services.contains(row.key), "\(imported.yaml)")
        let isEmpty = row.socket.hasSuffix("=")
        #expect(imported.remarks.contains { $0.contains("does not take the value") } != isEmpty)
        #expect(imported.faults.isEmpty)
    }

    @Test(
        "regression: WatchdogSec of a program that gets the sockets is its heartbeat",
        arguments: [("30", "heartbeat: 30s"), ("1min 30s", "heartbeat: 90s"), ("0", nil), ("infinity", nil)])
    func watchdog(value: String, key: String?) throws {
        let imported = try imported("ListenStream=80", "ExecStart=/bin/x\nWatchdogSec=\(value)")
        #expect(imported.services.contains("heartbeat") == (key != nil))
        if let key { #expect(imported.services.contains(key), "\(imported.services)") }
        #expect(imported.remarks.contains { $0.contains("not ABRT") } == (key != nil))
    }

    @Test("regression: ~ takes out only where it is first; before another name that is no capability's")
    func invertedInside() throws {
        let imported = try imported(
            "ListenStream=80", "ExecStart=/bin/x\nCapabilityBoundingSet=CAP_KILL ~CAP_CHOWN")
        #expect(imported.services.contains("capabilities: [CAP_KILL]"), "\(imported.services)")
        #expect(imported.remarks.contains { $0.contains("unknown here: ~CAP_CHOWN") })
    }

    @Test("an empty Nice= takes back; a later good value counts")
    func takesBack() throws {
        #expect(!(try imported("ListenStream=80", "ExecStart=/bin/x\nNice=5\nNice=")).services.contains("nice"))
        #expect(
            try imported("ListenStream=80", "ExecStart=/bin/x\nNice=x\nNice=6").services.contains("nice: 6"))
    }

    @Test("a program that gets the sockets has NOTIFY_SOCKET, the process of a connection has not")
    func notifications() throws {
        let service = "ExecStart=/bin/x\nType=notify\nNotifyAccess=all\nWatchdogSec=30"
        let waiting = try imported("ListenStream=80", service).remarks.joined(separator: "\n")
        #expect(!waiting.contains("no NOTIFY_SOCKET"))
        #expect(!waiting.contains("no watchdog"))
        #expect(waiting.contains("gets KILL, not ABRT"))
        let accepting = try imported("ListenStream=80\nAccept=yes", service).remarks.joined(separator: "\n")
        #expect(accepting.split(separator: "has no NOTIFY_SOCKET").count == 3)
        #expect(accepting.contains("no watchdog"))
    }
}
