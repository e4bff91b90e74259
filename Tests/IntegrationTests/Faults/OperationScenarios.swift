import Foundation
import TestSupport

/// What is done with the supervisor as a whole.
extension FaultScenario {
    static let metrics = FaultScenario(
        name: "metrics",
        table: """
            metrics: {listen: ["127.0.0.1:0"]}
            services: {echo: {listen: "127.0.0.1:0", internal: echo}}
            """
    ) { supervisor in
        let client = try TestSocket.tcp(port: supervisor.port("metrics"))
        try client.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        try expect(client.receiveText().hasPrefix("HTTP/1.1 200"))
    }

    static let control = FaultScenario(
        name: "control", table: "services: {echo: {listen: '127.0.0.1:0', internal: echo}}"
    ) { supervisor in
        let client = try supervisor.control()
        for method in ["status", "connections", "metrics"] { _ = try client.result(method) }
        for method in ["pause", "resume"] { _ = try client.result(method, params: ["services": ["echo"]]) }
        try client.finish()
        try echo(at: supervisor.port("echo"))
    }

    /// Listeners come, and go again.
    static let reload = FaultScenario(
        name: "reload", table: "services: {echo: {listen: '127.0.0.1:0', internal: echo}}"
    ) { supervisor in
        let user = try supervisor.directory.read("baton.yaml").split(separator: "\n").first {
            $0.hasPrefix("supervisor_user")
        }
        let file = "{address: '\(supervisor.directory.path)/more', mode: '0660', group: daemon}"
        let more = "\n  more: {listen: ['127.0.0.1:0', \(file)], exec: [/bin/cat]}\n"
        let table = "\(user ?? "")\nservices:\n  echo: {listen: '127.0.0.1:0', internal: echo}"
        for text in [table + more, table] {
            try supervisor.rewrite(text)
            let client = try supervisor.control()
            _ = try client.result("reload")
            try client.finish()
        }
        try echo(at: supervisor.port("echo"))
    }

    static let upgrade = FaultScenario(
        name: "upgrade", table: "services: {echo: {listen: '127.0.0.1:0', internal: echo}, cat: {exec: [/bin/cat]}}"
    ) { supervisor in
        let client = try supervisor.control()
        _ = try client.result("upgrade")
        try client.finish()
        try echo(at: supervisor.port("echo"))
    }

    /// A directory of tables, and another super-server's, which is converted by a program of its own each time.
    static let foreign = FaultScenario(
        name: "included tables",
        table: """
            include: [{inetd: DIRECTORY/inetd.conf}, "DIRECTORY/conf.d/*.yaml"]
            services: {echo: {listen: "127.0.0.1:0", internal: echo}}
            """,
        around: { directory in
            try directory.write("conf.d/more.yaml", "services: {more: {listen: '127.0.0.1:0', internal: echo}}")
            try directory.write("inetd.conf", "\(directory.path("cat")) stream unix nowait root /bin/cat cat\n")
            return Surroundings()
        }
    ) { supervisor, _ in
        let client = try supervisor.control()
        _ = try client.result("reload")
        try client.finish()
        let cat = try TestSocket.unix(supervisor.directory.path("cat"))
        try cat.send("hello")
        try cat.finishSending()
        try expect(cat.receiveText() == "hello")
    }

    /// Moved away, and begun anew.
    static let logFile = FaultScenario(
        name: "log file",
        table: """
            log: {level: debug, to: DIRECTORY/events}
            services: {echo: {listen: "127.0.0.1:0", internal: echo}}
            """
    ) { supervisor in
        let path = supervisor.directory.path("events")
        unlink(path)
        try supervisor.process.signal(SIGUSR1)
        try expect(eventually(within: Deadline(seconds: 5)) { access(path, F_OK) == 0 })
        try echo(at: supervisor.port("echo"))
        let isThere = try eventually(within: Deadline(seconds: 5)) {
            try supervisor.directory.read("events").contains("echo")
        }
        try expect(isThere)
    }

    /// A daemon reads it, and is started anew each time.
    static let syslog = FaultScenario(
        name: "syslog",
        table: """
            log: {level: debug, format: syslog, to: DIRECTORY/devlog}
            services: {echo: {listen: "127.0.0.1:0", internal: echo}}
            """,
        around: { Surroundings(logDaemon: try LogDaemon($0.path("devlog"))) }
    ) { supervisor, surroundings in
        guard let daemon = surroundings.logDaemon else { throw TestFailure("no daemon") }
        daemon.stop()
        try daemon.start()
        let port = try supervisor.port("echo")
        try echo(at: port)
        try expect(daemon.hears(within: 8) { $0.contains(" ended ") })
    }

    /// A service manager hears of everything, and keeps the listeners.
    static let managed = FaultScenario(
        name: "service manager", table: "services: {echo: {listen: '127.0.0.1:0', internal: echo}}",
        around: { directory in
            Surroundings(
                environment: ["NOTIFY_SOCKET": directory.path("notify"), "FDSTORE": "10"],
                manager: try ManagerSocket(directory.path("notify")))
        }
    ) { supervisor, surroundings in
        guard let manager = surroundings.manager else { throw TestFailure("no manager") }
        try reload.drive(supervisor, surroundings)
        let hasAll = try eventually(within: Deadline(seconds: 5)) {
            while !manager.isSilent(for: 0) { _ = try manager.receive() }
            return manager.kept.map { $0.name.split(separator: ".").last } == ["echo"]
        }
        guard hasAll else { throw TestFailure("kept: \(manager.kept.map(\.name))") }
    }
}
