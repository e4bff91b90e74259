import Foundation
import TestSupport
import Testing

/// What a client does, from which system calls come that may fail.
struct FaultScenario: Sendable, CustomTestStringConvertible {
    let name: String
    /// The services, and what else the table says; DIRECTORY and PORT are replaced.
    let table: String
    /// Does it once, and throws when it was not served.
    let drive: @Sendable (RunningSupervisor) throws -> Void

    var testDescription: String { name }

    func text(in directory: TemporaryDirectory) throws -> String {
        let port = try QuietPort.next()
        return table.replacing("DIRECTORY", with: directory.path).replacing("PORT", with: String(port))
            .replacing("FIXTURES", with: Repository.path("Tests/Fixtures"))
    }

    static let all = [
        exec, settings, wait, datagramWait, echo, datagram, redirect, route, multiplexer, supervised, registered,
        metrics, control, reload, names, upgrade,
    ].filter { !isSanitized || $0.name != metrics.name }

    /// The address sanitizer takes more memory than the process that serves metrics may have.
    private static let isSanitized = ProcessInfo.processInfo.environment["BATON_SANITIZED"] != nil

    /// A shortage that outlasts an upgrade and the way back ends the supervisor: neither program can begin.
    static let lasting = all.filter { $0.name != upgrade.name }

    /// Between them they make about every call.
    static let short = [exec, redirect, supervised, registered, control, reload]

    // MARK: A process a connection

    static let exec = FaultScenario(
        name: "exec", table: "services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat]}}"
    ) { try echo(at: $0.port("cat")) }

    /// Each step between clone and exec, as far as root may.
    static let settings = FaultScenario(
        name: "settings",
        table: """
            services:
              cat:
                listen: "127.0.0.1:0"
                exec: [/bin/cat]
                user: nobody
                group: daemon
                groups: [bin, sys]
                nice: 1
                oom_score_adjust: 321
                cpu_affinity: [0]
                capabilities: [CAP_NET_BIND_SERVICE]
                no_new_privileges: true
                rlimits: {nofile: 77}
                directory: /usr
                stderr: DIRECTORY/errors
            """
    ) { try echo(at: $0.port("cat")) }

    static let wait = FaultScenario(
        name: "wait",
        table: """
            services:
              one:
                listen: "127.0.0.1:0"
                wait: true
                trigger_limit: {burst: 100000, interval: 1s}
                exec:
                  - /usr/bin/python3
                  - -ISc
                  - |
                    import socket
                    connection, _ = socket.socket(fileno=0).accept()
                    connection.sendall(connection.recv(100))
            """
    ) { supervisor in
        try ask(TestSocket.tcp(port: supervisor.port("one")))
        try supervisor.waitForService("one", "watched again") { $0.listeners[0].state == "listening" }
    }

    static let datagramWait = FaultScenario(
        name: "datagram wait",
        table: """
            services:
              one:
                listen: "udp://127.0.0.1:0"
                wait: true
                trigger_limit: {burst: 100000, interval: 1s}
                exec: [/usr/bin/python3, -ISc, "import socket; s = socket.socket(fileno=0); s.sendto(*s.recvfrom(100))"]
            """
    ) { supervisor in
        try exchangeDatagrams(port: supervisor.port("one"))
        try supervisor.waitForService("one", "watched again") { $0.listeners[0].state == "listening" }
    }

    // MARK: Within the supervisor

    static let echo = FaultScenario(
        name: "echo", table: "services: {echo: {listen: '127.0.0.1:0', internal: echo}}"
    ) { try echo(at: $0.port("echo")) }

    static let datagram = FaultScenario(
        name: "datagram", table: "services: {echo: {listen: 'udp://127.0.0.1:0', internal: echo}}"
    ) { try exchangeDatagrams(port: $0.port("echo")) }

    static let redirect = FaultScenario(
        name: "redirect",
        table: """
            services:
              relay: {listen: "127.0.0.1:0", redirect: "127.0.0.1:PORT"}
              target: {listen: "127.0.0.1:PORT", internal: echo}
            """
    ) { try echo(at: $0.port("relay")) }

    static let route = FaultScenario(
        name: "route",
        table: """
            services:
              front:
                listen: "127.0.0.1:0"
                route: {rules: [{match: {prefix: hello}, to: cat}], default: echo}
              cat: {exec: [/bin/cat]}
              echo: {internal: echo}
            """
    ) { supervisor in
        try echo(at: supervisor.port("front"))
        try echo("other", at: supervisor.port("front"))
    }

    static let multiplexer = FaultScenario(
        name: "tcpmux",
        table: """
            services:
              mux: {listen: "127.0.0.1:0", internal: tcpmux}
              mirror: {internal: echo, tcpmux: +mirror}
            """
    ) { supervisor in
        let client = try TestSocket.tcp(port: supervisor.port("mux"))
        try client.send("mirror\r\nhello")
        try expect(client.receiveLine() == "+Go\r")
        try expect(client.receive(exactly: 5) == Array("hello".utf8))
    }

    // MARK: Persistent handlers

    static let supervised = FaultScenario(
        name: "supervised handler",
        table: """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff:
                  exec: [/usr/bin/python3, -IS, FIXTURES/supervised.py, echo]
                  restart: {backoff: {first: 20ms, longest: 200ms}}
            """
    ) { supervisor in
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        try client.send("hello\n")
        try expect(client.receiveText().hasSuffix(" hello\n"))
    }

    static let registered = FaultScenario(
        name: "registered handler", table: "services: {app: {listen: '127.0.0.1:0', handoff: {heartbeat: false}}}"
    ) { supervisor in
        let handler = try RegisteredHandler("app", at: supervisor)
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        let baton = try handler.receiveBaton()
        try handler.acknowledge(baton.id)
        try baton.socket.send("hello")
        try expect(client.receive(exactly: 5) == Array("hello".utf8))
        try baton.socket.shutDown()
        baton.socket.close()
        try handler.done(baton.id)
        try expect(client.receiveToEnd().isEmpty)
        handler.die()
    }

    // MARK: Operation

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

    static let reload = FaultScenario(
        name: "reload", table: "services: {echo: {listen: '127.0.0.1:0', internal: echo}}"
    ) { supervisor in
        let more = "\n  more: {listen: ['127.0.0.1:0', '\(supervisor.directory.path)/more'], exec: [/bin/cat]}\n"
        let table = "services:\n  echo: {listen: '127.0.0.1:0', internal: echo}"
        for text in [table + more, table] {
            try supervisor.rewrite(text)
            let client = try supervisor.control()
            _ = try client.result("reload")
            try client.finish()
        }
        try echo(at: supervisor.port("echo"))
    }

    static let names = FaultScenario(
        name: "names",
        table: """
            services: {echo: {listen: "127.0.0.1:0", internal: echo, only_from: [localhost, .localdomain.test]}}
            """
    ) { try echo(at: $0.port("echo")) }

    static let upgrade = FaultScenario(
        name: "upgrade", table: "services: {echo: {listen: '127.0.0.1:0', internal: echo}, cat: {exec: [/bin/cat]}}"
    ) { supervisor in
        let client = try supervisor.control()
        _ = try client.result("upgrade")
        try client.finish()
        try echo(at: supervisor.port("echo"))
    }

    /// A client says something, gets it back, ends, and is told that all is over.
    private static func echo(_ text: String = "hello", at port: UInt16) throws {
        let client = try TestSocket.tcp(port: port)
        try client.send(text)
        try expect(client.receive(exactly: text.utf8.count) == Array(text.utf8))
        try client.finishSending()
        try expect(client.receiveToEnd().isEmpty)
    }

    private static func ask(_ client: TestSocket) throws {
        try client.send("hello")
        try expect(client.receive() == Array("hello".utf8))
    }

    /// As who uses datagrams does: one that is not answered is sent again.
    private static func exchangeDatagrams(port: UInt16) throws {
        let client = try TestSocket.udp(port: port)
        for _ in 0..<3 {
            try client.send("hello")
            if client.isReadable(within: 1) { return try expect(client.receive() == Array("hello".utf8)) }
        }
        throw TestFailure("no answer")
    }

    /// Thrown, not recorded: while a call fails not every client is served.
    private static func expect(_ holds: Bool, line: UInt = #line) throws {
        guard holds else { throw TestFailure("not the answer that line \(line) expects") }
    }
}
