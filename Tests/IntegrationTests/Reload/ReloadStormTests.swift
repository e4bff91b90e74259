import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// Many reloads, and reloads at bad moments.
@Suite struct ReloadStormTests {
    private static let handler = Repository.path("Tests/Fixtures/supervised.py")

    /// A table that differs from the one of another round in every service.
    private static func table(_ round: Int, redirectingTo port: UInt16, handlers: Int) -> String {
        """
        services:
          exec: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, 'read line; echo exec $line', "\(round)"], per_source: \(99 + round)}
          handoff:
            listen: "127.0.0.1:0"
            handoff: {exec: [/usr/bin/python3, \(handler), echo], start: eager, capacity: \(90 + round % 3)}
            env: {ROUND: "\(handlers)"}
          redirect: {listen: "127.0.0.1:0", redirect: "127.0.0.1:\(port)", instances: \(300 + round)}
          guest-\(round % 3): {listen: "127.0.0.1:0", exec: /bin/cat}
        """
    }

    @Test("under steady load no client fails; process and listeners are the same, and counters go on")
    func load() throws {
        let echo = "services: {echo: {listen: \"127.0.0.1:0\", internal: echo, per_source: unlimited, instances: 999}}"
        try withSupervisor(echo) { target in
            let port = try target.port("echo")
            try withSupervisor(Self.table(0, redirectingTo: port, handlers: 0)) { supervisor in
                try supervisor.waitForService("handoff", "ready") { $0.handlers.first?.state == "ready" }
                supervisor.markBaseline()
                let names = ["exec", "handoff", "redirect"]
                let ports = try names.map { try supervisor.port($0) }
                let listeners = ports.map { supervisor.listeners(at: $0) }
                let isOver = Mutex(false)
                let answered = Mutex([0, 0, 0])
                let clients = Threads(6) { number in
                    let kind = number % 3
                    while !isOver.withLock({ $0 }) {
                        let answer = try TestSocket.tcp(port: ports[kind]).ask()
                        guard answer.hasSuffix("hello") else { throw TestFailure("\(names[kind]): \(answer)") }
                        answered.withLock { $0[kind] += 1 }
                    }
                }
                for round in 1...40 {
                    // Handlers roll in each eighth.
                    let answer = try supervisor.reload(
                        Self.table(round, redirectingTo: port, handlers: round / 8))
                    #expect(answer.changed.map(\.service) == names && answer.notes.isEmpty, "\(answer)")
                }
                isOver.withLock { $0 = true }
                try clients.join()
                #expect(supervisor.view.isAlive && ports.map { supervisor.listeners(at: $0) } == listeners)
                for (place, name) in names.enumerated() {
                    let service = try supervisor.waitForService(name, "settled") { $0.connections.active == 0 }
                    #expect(service.connections.ended == answered.withLock { $0[place] })
                    #expect(service.connections.accepted == service.connections.ended && service.connections.ended > 40)
                }
                try supervisor.waitForService("handoff", "one handler") { $0.handlers.map(\.state) == ["ready"] }
                #expect(try supervisor.status().services.map(\.name).contains("guest-1"))
            }
        }
    }

    @Test("a storm of HUP is few reloads, and the last table is in force")
    func hangUps() throws {
        func table(_ round: Int) -> String {
            "services: {app: {listen: \"127.0.0.1:0\", exec: [/bin/sh, -c, 'read line; echo \(round) $line']}}"
        }
        try withSupervisor(table(0)) { supervisor in
            let port = try supervisor.port("app")
            let listeners = supervisor.listeners(at: port)
            for round in 1...300 {
                if round % 30 == 0 { try supervisor.rewrite(table(round)) }
                try supervisor.process.signal(SIGHUP)
            }
            #expect(try eventually { try TestSocket.tcp(port: port).ask() == "300 hello" })
            #expect(supervisor.listeners(at: port) == listeners)
            // One more is one more, whatever came before.
            try supervisor.reload(table(301))
            #expect(try TestSocket.tcp(port: port).ask() == "301 hello")
            #expect(supervisor.log.lines.count { $0.contains("reloading (SIGHUP)") } < 300)
        }
    }

    @Test("many who ask at once are all answered")
    func together() throws {
        let table = "services: {echo: {listen: \"127.0.0.1:0\", internal: echo}}"
        try withSupervisor(table) { supervisor in
            let program = Repository.product("baton")
            let arguments = ["reload", "--json", "--runtime-directory", supervisor.runtimeDirectory]
            let askers = Threads(8) { number in
                let output = try runProgram(program, arguments + (number % 2 == 0 ? ["--dry-run"] : []))
                guard output.status == .exited(0), output.standardOutput.contains(#""unchanged":1"#) else {
                    throw TestFailure("\(output)")
                }
            }
            try askers.join()
        }
    }

    @Test("while the supervisor stops a reload is refused, and one that is under way keeps nothing from ending")
    func stopping() throws {
        func table(_ word: String) -> String {
            """
            services:
              app: {listen: "127.0.0.1:0", exec: [/bin/cat, -u]}
              \(word): {listen: "127.0.0.1:0", internal: echo}
            """
        }
        let supervisor = try RunningSupervisor(table("one"))
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        #expect(try client.ask() == "hello")
        let family = supervisor.view.descendants
        try supervisor.rewrite(table("two"))
        try ProcessView(pid: supervisor.process.pid).stop()
        try supervisor.process.signal(SIGHUP)
        try supervisor.process.signal(SIGTERM)
        try supervisor.process.signal(SIGCONT)
        try supervisor.log.wait(for: "stopping (SIGTERM)")
        let output = try supervisor.baton("reload")
        #expect(output.status == .exited(1))
        #expect(output.standardError.contains("the supervisor is stopping"), "\(output)")
        #expect(try client.ask("still") == "still")
        client.close()
        try supervisor.expectEnd(of: family)
        #expect(!supervisor.log.text.contains("two: listening"))
    }

    @Test("what left before the supervisor was told to stop is waited for as the rest")
    func stoppingWithLeaving() throws {
        func table(_ more: String) -> String {
            """
            limits: {stop_timeout: 100ms}
            services: {echo: {listen: "127.0.0.1:0", internal: echo}\(more)}
            """
        }
        let supervisor = try RunningSupervisor(table(", app: {listen: \"127.0.0.1:0\", exec: /bin/cat}"))
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        #expect(try client.ask() == "hello")
        try supervisor.reload(table(""))
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        #expect(try client.receiveToEnd().isEmpty, "its process is ended when the time is over")
        try supervisor.expectEnd(of: family)
    }
}
