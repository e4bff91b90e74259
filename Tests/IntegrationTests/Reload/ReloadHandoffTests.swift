import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// What a reload does with persistent handlers.
@Suite struct ReloadHandoffTests {
    private static let handler = Repository.path("Tests/Fixtures/supervised.py")

    /// - Parameters:
    ///   - more: further keys of `handoff`, each after a comma.
    ///   - keys: further keys of the service, each after a comma.
    private static func table(
        _ behaviour: String, _ more: String = "", _ keys: String = "", program: String = handler
    ) -> String {
        """
        services:
          app:
            {listen: "127.0.0.1:0", handoff: {exec: [/usr/bin/python3, \(program), \(behaviour)]\(more)}\(keys)}
        """
    }

    private static func pids(_ service: StatusReport.Service) -> Set<pid_t> { Set(service.handlers.map(\.pid)) }

    private func ready(_ supervisor: RunningSupervisor, _ count: Int) throws -> Set<pid_t> {
        let service = try supervisor.waitForService("app", "\(count) ready") { service in
            service.handlers.count == count && service.handlers.allSatisfy { $0.state == "ready" }
        }
        return Self.pids(service)
    }

    @Test("handlers that would be started otherwise are replaced, under load, and no client notices")
    func rolling() throws {
        let more = ", handlers: 2, start: eager"
        try withSupervisor(Self.table("echo", more)) { supervisor in
            var old = try ready(supervisor, 2)
            supervisor.markBaseline()
            let port = try supervisor.port("app")
            let isOver = Mutex(false)
            let answered = Mutex(0)
            let clients = Threads(4) { _ in
                while !isOver.withLock({ $0 }) {
                    let client = try TestSocket.tcp(port: port)
                    guard try client.ask().hasSuffix("hello") else { throw TestFailure("no answer") }
                    answered.withLock { $0 += 1 }
                }
            }
            for round in 0..<4 {
                let before = answered.withLock { $0 }
                _ = eventually { answered.withLock { $0 } > before + 20 }
                let answer = try supervisor.reload(Self.table("echo", more, ", env: {ROUND: \"\(round)\"}"))
                #expect(answer.changed.map(\.handlers) == ["rolling"])
                let new = try supervisor.waitForService("app", "replaced") { service in
                    service.handlers.count { $0.state == "ready" } == 2 && Self.pids(service).isDisjoint(with: old)
                }
                old = Self.pids(new)
                #expect(old.allSatisfy { ProcessView(pid: $0).environment["ROUND"] == "\(round)" })
            }
            isOver.withLock { $0 = true }
            try clients.join()
            let service = try supervisor.waitForService("app", "settled") { $0.connections.active == 0 }
            #expect(service.connections.refused.isEmpty && service.connections.cut == 0)
            #expect(service.connections.ended == service.connections.accepted)
        }
    }

    @Test("what needs no new process is told to the handlers that run")
    func inPlace() throws {
        try withSupervisor(Self.table("hold", ", capacity: 1, queue: {size: 1}")) { supervisor in
            let port = try supervisor.port("app")
            let first = try TestSocket.tcp(port: port)
            try supervisor.waitForService("app", "held") { $0.connections.active == 1 }
            let handler = Self.pids(try supervisor.service("app"))
            let second = try TestSocket.tcp(port: port)
            try supervisor.waitForService("app", "queued") { $0.connections.queued == 1 }
            let answer = try supervisor.reload(
                Self.table(
                    "hold", ", capacity: 3000, queue: {size: 9}, drain: 100ms, heartbeat: false", ", per_source: 9"))
            #expect(
                try answer.change(of: "app").keys == [
                    "handoff.capacity", "handoff.queue", "handoff.drain", "handoff.heartbeat", "per_source",
                ])
            #expect(answer.changed[0].handlers == "kept")
            let service = try supervisor.waitForService("app", "both held") { $0.connections.active == 2 }
            #expect(Self.pids(service) == handler && service.handlers[0].capacity == 3000)
            #expect(ProcessView(pid: handler.first ?? 0).limit("Max open files")?.soft == "3064")
            first.close()
            second.close()
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 2 }
            supervisor.markBaseline()
        }
    }

    @Test("a pool grows and shrinks to what the table says")
    func pool() throws {
        try withSupervisor(Self.table("echo", ", handlers: 1, start: eager")) { supervisor in
            let first = try ready(supervisor, 1)
            supervisor.markBaseline()
            #expect(
                try supervisor.reload(Self.table("echo", ", handlers: 3, start: eager")).changed[0].handlers == "kept")
            let three = try ready(supervisor, 3)
            #expect(three.isSuperset(of: first))
            try supervisor.reload(Self.table("echo", ", handlers: 1, start: eager"))
            #expect(try ready(supervisor, 1) == first, "the oldest stays")
        }
    }

    @Test("when the new ones do not start, the old ones go on, and the log says so")
    func failing() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write("bad.py", "raise SystemExit(7)\n")
        let more = ", handlers: 2, start: eager"
        try withSupervisor(Self.table("echo", more), in: directory) { supervisor in
            let old = try ready(supervisor, 2)
            supervisor.markBaseline()
            try supervisor.reload(Self.table("echo", more, program: program))
            try supervisor.log.wait(for: "app: its handlers go on as they were started: never registered, status 7")
            #expect(try ready(supervisor, 2) == old)
            #expect(try TestSocket.tcp(port: supervisor.port("app")).ask().hasSuffix("hello"))
            try supervisor.reload(Self.table("echo", more))
            try supervisor.waitForService("app", "replaced") {
                Self.pids($0).isDisjoint(with: old) && $0.handlers.count == 2
            }
        }
    }

    @Test("a failed service is tried again by what the new table says")
    func failedService() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write("bad.py", "raise SystemExit(7)\n")
        let more = ", start: eager, restart: {backoff: {first: 10ms, longest: 60s}, burst: 2, interval: 60s}"
        try withSupervisor(Self.table("echo", more, program: program), in: directory, leakCheck: false) { supervisor in
            try supervisor.waitForService("app", "failed") { $0.state == "failed" }
            try supervisor.reload(Self.table("echo", more))
            #expect(try TestSocket.tcp(port: supervisor.port("app")).ask().hasSuffix("hello"))
            #expect(try supervisor.service("app").state == "ready")
        }
    }

    // MARK: Bad moments

    @Test("reloads while handlers start and while a roll is under way: the last table is what counts in the end")
    func whileRolling() throws {
        let more = ", handlers: 3, start: eager"
        try withSupervisor(Self.table("echo", more)) { supervisor in
            let old = try ready(supervisor, 3)
            supervisor.markBaseline()
            for round in 0..<6 { try supervisor.reload(Self.table("echo", more, ", env: {ROUND: \"\(round)\"}")) }
            try supervisor.waitForService("app", "of the last table") { service in
                service.handlers.count == 3 && Self.pids(service).isDisjoint(with: old)
                    && service.handlers.allSatisfy {
                        $0.state == "ready" && ProcessView(pid: $0.pid).environment["ROUND"] == "5"
                    }
            }
            let port = try supervisor.port("app")
            for _ in 0..<6 { #expect(try TestSocket.tcp(port: port).ask().hasSuffix("hello")) }
        }
    }

    @Test("a handler that only starts is of the old table: it is ended, and who waits is served by the new one")
    func whileStarting() throws {
        try withSupervisor(Self.table("silent")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try client.send("hello\n")
            let starting = try supervisor.waitForService("app", "starting") { $0.handlers.first?.pid ?? 0 > 0 }
            #expect(try supervisor.reload(Self.table("echo")).changed[0].handlers == "rolling")
            #expect(try client.receiveLine().hasSuffix("hello"))
            #expect(eventually { !ProcessView(pid: starting.handlers[0].pid).isAlive })
            supervisor.markBaseline()
        }
    }

    @Test("baton restart that a reload overtakes is told so, and one beside a reload's roll is refused")
    func restartOvertaken() throws {
        let directory = try TemporaryDirectory()
        let good = try String(contentsOfFile: Self.handler, encoding: .utf8)
        let program = try directory.write("handler.py", good)
        func table(_ keys: String) -> String { Self.table("echo", ", start: eager", keys, program: program) }
        try withSupervisor(table(""), in: directory) { supervisor in
            let old = try ready(supervisor, 1)
            supervisor.markBaseline()
            try directory.write("handler.py", "import signal\nsignal.pause()\n")
            let arguments = ["restart", "app", "--runtime-directory", supervisor.runtimeDirectory]
            let restart = Threads(1) { _ in
                let output = try runProgram(Repository.product("baton"), arguments)
                guard output.status == .exited(1), output.standardError.contains("a reload replaces its handlers")
                else {
                    throw TestFailure("\(output)")
                }
            }
            try supervisor.waitForService("app", "restarting") { $0.handlers.count == 2 }
            try supervisor.reload(table(", env: {ROUND: \"1\"}"))
            try restart.join()
            #expect(try supervisor.baton("restart", "app").standardError.contains("a restart is under way"))
            try directory.write("handler.py", good)
            try supervisor.reload(table(", env: {ROUND: \"2\"}"))
            try supervisor.waitForService("app", "replaced") {
                Self.pids($0).isDisjoint(with: old) && $0.handlers.map(\.state) == ["ready"]
            }
        }
    }

    // MARK: Who serves

    @Test("handoff.exec that is gone drains its handlers, and what registers serves; and back")
    func program() throws {
        let without = "services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false}}}"
        try withSupervisor(Self.table("echo", ", heartbeat: false, start: eager")) { supervisor in
            let old = try ready(supervisor, 1)
            supervisor.markBaseline()
            let port = try supervisor.port("app")
            #expect(try supervisor.reload(without).changed[0].handlers == "draining")
            #expect(eventually { !ProcessView(pid: old.first ?? 0).isAlive })
            let client = try TestSocket.tcp(port: port)
            let registered = try RegisteredHandler("app", at: supervisor)
            let baton = try registered.receiveBaton()
            try registered.acknowledge(baton.id)
            try supervisor.reload(Self.table("echo", ", heartbeat: false, start: eager"))
            try supervisor.waitForService("app", "both") { service in
                service.handlers.count == 2 && service.handlers.allSatisfy { $0.state == "ready" }
            }
            try registered.done(baton.id)
            client.close()
            registered.die()
            _ = try ready(supervisor, 1)
        }
    }

    @Test("who may not register any more is told to finish")
    func register() throws {
        func table(_ users: String) -> String {
            "services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false, register: \(users)}}}"
        }
        try withSupervisor(table("{users: [\(geteuid())]}")) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            try supervisor.reload(table("false"))
            #expect(try handler.receive().message.kind == .drainHandler)
            handler.die()
        }
    }

    @Test("a registered handler of a removed service is told to finish, and let go when it has")
    func registeredOfRemoved() throws {
        let echo = "services: {echo: {listen: \"127.0.0.1:0\", internal: echo}}"
        let app = "services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false}}}"
        try withSupervisor(echo) { supervisor in
            supervisor.markBaseline()
            try supervisor.reload(app)
            let (busy, idle) = (
                try RegisteredHandler("app", at: supervisor), try RegisteredHandler("app", at: supervisor)
            )
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try busy.receiveBaton()
            try busy.acknowledge(baton.id)
            try supervisor.waitForService("app", "held") { $0.connections.active == 1 }
            try supervisor.reload(echo)
            for handler in [busy, idle] { #expect(try handler.receive().message.kind == .drainHandler) }
            #expect(try idle.isHungUp())
            idle.die()
            #expect(try supervisor.service("app").state == "draining")
            try busy.done(baton.id)
            #expect(try busy.isHungUp())
            busy.die()
            client.close()
            #expect(try eventually { try supervisor.status().services.map(\.name) == ["echo"] })
        }
    }

    @Test("clients in the queue of a handler that does not come are served in the new way")
    func queued() throws {
        try withSupervisor("services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false}}}") { supervisor in
            let clients = try (0..<3).map { _ in try TestSocket.tcp(port: supervisor.port("app")) }
            try supervisor.waitForService("app", "queued") { $0.connections.queued == 3 }
            try supervisor.reload("services: {app: {listen: \"127.0.0.1:0\", exec: /bin/cat}}")
            for client in clients { #expect(try client.ask() == "hello") }
            let counts = try supervisor.service("app").connections
            #expect(counts.accepted == 3 && counts.active == 3 && counts.queued == 0)
        }
    }

    @Test("clients in the queue that a wait handler cannot be given are refused, and counted")
    func queuedBeforeWait() throws {
        try withSupervisor("services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false}}}") { supervisor in
            let clients = try (0..<2).map { _ in try TestSocket.tcp(port: supervisor.port("app")) }
            try supervisor.waitForService("app", "queued") { $0.connections.queued == 2 }
            try supervisor.reload("services: {app: {listen: \"127.0.0.1:0\", wait: true, exec: /bin/cat}}")
            for client in clients { #expect(try client.receiveToEnd().isEmpty) }
            #expect(try supervisor.service("app").connections.refused == ["stopping": 2])
        }
    }
}
