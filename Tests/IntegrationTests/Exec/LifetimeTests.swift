import Foundation
import Glibc
import TestSupport
import Testing

/// From start to end of exec'd handlers: exits, places, time limits, stopping.
@Suite struct LifetimeTests {
    @Test("an exit is logged with the service's name, its status and its duration")
    func exitIsLogged() throws {
        let table = """
            services:
              failing: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, "exit 7"]}
              killed: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, "kill -SEGV $$"]}
            """
        try withSupervisor(table) { supervisor in
            _ = try TestSocket.tcp(port: supervisor.port("failing")).receiveToEnd()
            try supervisor.log.wait(for: "failing", "7")
            _ = try TestSocket.tcp(port: supervisor.port("killed")).receiveToEnd()
            _ = try supervisor.log.waitForLine("killed by SEGV") { line in
                line.contains("killed") && (line.contains("SEGV") || line.contains("11"))
            }
            try supervisor.waitForService("failing", "ended") { $0.connections.ended == 1 }
        }
    }

    @Test("instances: clients over the limit wait in the backlog, and all are served")
    func instancesGateTheAccept() throws {
        let table = """
            services:
              few: {listen: "127.0.0.1:0", exec: [/bin/cat], instances: 2}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("few")
            let clients = try (0..<20).map { number in
                let client = try TestSocket.tcp(port: port)
                try client.send("\(number)\n")
                return client
            }
            try supervisor.waitForService("few", "full") { $0.connections.active == 2 }
            #expect(try supervisor.service("few").connections.accepted == 2)
            #expect(try supervisor.service("few").state == "limited")
            // First come, first served: whoever has an answer leaves, and makes room for the next two.
            for (number, client) in clients.enumerated() {
                #expect(try client.receiveLine() == "\(number)")
                #expect(supervisor.handlers().count <= 2)
                client.close()
            }
            let counts = try supervisor.waitForService("few", "done") { $0.connections.ended == 20 }.connections
            #expect(counts.accepted == 20)
            #expect(counts.refused.isEmpty)
        }
    }

    @Test("runtime_limit: TERM when the time is over, KILL after stop_grace for a handler that ignores it")
    func runtimeLimit() throws {
        let table = """
            services:
              polite: {listen: "127.0.0.1:0", exec: [/bin/cat], runtime_limit: 200ms}
              stubborn:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "trap '' TERM; echo ready; while read line; do :; done"]
                runtime_limit: 200ms
                stop_grace: 300ms
            """
        try withSupervisor(table) { supervisor in
            let polite = try TestSocket.tcp(port: supervisor.port("polite"))
            let stubborn = try TestSocket.tcp(port: supervisor.port("stubborn"))
            #expect(try stubborn.receiveLine() == "ready")
            #expect(try polite.receiveToEnd().isEmpty)
            #expect(try stubborn.receiveToEnd().isEmpty)
            try supervisor.waitForService("polite", "ended") { $0.connections.ended == 1 }
            try supervisor.waitForService("stubborn", "ended") { $0.connections.ended == 1 }
        }
    }

    @Test("TERM lets a handler finish its conversation, and the supervisor stops as soon as it has")
    func drain() throws {
        let supervisor = try RunningSupervisor("services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat]}}")
        let port = try supervisor.port("cat")
        let client = try TestSocket.tcp(port: port)
        try client.send("before")
        #expect(try client.receive(exactly: 6) == Array("before".utf8))
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        // The listeners close first: a newcomer is refused by the kernel.
        #expect(eventually { (try? TestSocket.tcp(port: port)) == nil })
        try client.send("after")
        #expect(try client.receive(exactly: 5) == Array("after".utf8))
        try client.finishSending()
        #expect(try client.receiveToEnd().isEmpty)
        try supervisor.expectEnd(of: family)
    }

    @Test("a second TERM stops at once, whoever is being served")
    func secondTerm() throws {
        let table = "services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat]}}"
        let supervisor = try RunningSupervisor(table)
        let port = try supervisor.port("cat")
        let client = try TestSocket.tcp(port: port)
        try client.send("x")
        _ = try client.receive(exactly: 1)
        let family = supervisor.view.descendants
        let begin = Deadline.now()
        try supervisor.process.signal(SIGTERM)
        #expect(eventually { (try? TestSocket.tcp(port: port)) == nil })
        try supervisor.process.signal(SIGTERM)
        try supervisor.expectEnd(of: family)
        #expect(Deadline.now() - begin < 5_000_000_000, "limits.stop_timeout is 10 s")
        #expect(try client.receiveToEnd().isEmpty)
    }

    @Test(
        "regression: a registered handler that holds a connection does not keep the supervisor",
        arguments: [true, false])
    func stopWithRegistered(_ acknowledges: Bool) throws {
        let table = """
            limits: {stop_timeout: 50ms}
            services: {app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, stop_grace: 50ms}}}
            """
        let supervisor = try RunningSupervisor(table)
        let handler = try RegisteredHandler("app", at: supervisor)
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        let baton = try handler.receiveBaton()
        if acknowledges {
            try handler.acknowledge(baton.id)
            try supervisor.waitForService("app", "acknowledged") { $0.connections.handed_off == 1 }
        }
        try supervisor.stop()
        withExtendedLifetime((handler, client, baton)) {}
    }

    @Test(
        "regression: a registered handler is told to finish at a stop, though others waited for it until the last moment"
    )
    func stopWithQueue() throws {
        let table = """
            limits: {stop_timeout: 50ms}
            services: {app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, capacity: 1, stop_grace: 5s}}}
            """
        let supervisor = try RunningSupervisor(table)
        let handler = try RegisteredHandler("app", at: supervisor)
        let clients = try (0..<2).map { _ in try TestSocket.tcp(port: supervisor.port("app")) }
        let baton = try handler.receiveBaton()
        try handler.acknowledge(baton.id)
        try supervisor.waitForService("app", "one waits") {
            $0.connections.queued == 1 && $0.connections.handed_off == 1
        }
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        #expect(try handler.receive().message.kind == .drainHandler)
        handler.die()
        try supervisor.expectEnd(of: family)
        #expect(!supervisor.log.text.contains("unasked"), "\(supervisor.log.tail)")
        withExtendedLifetime((clients, baton)) {}
    }

    @Test("after stop_timeout the process group gets stop_signal and, after stop_grace, KILL")
    func stopTimeoutAndGrace() throws {
        let table = """
            limits: {stop_timeout: 200ms}
            services:
              hangup:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "trap 'echo hup; exit 0' HUP; trap '' TERM; echo ready; while :; do read line; done"]
                stop_signal: HUP
              stubborn:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "trap '' TERM; tail -f /dev/null & echo ready; while :; do read line; done"]
                stop_grace: 300ms
            """
        let supervisor = try RunningSupervisor(table)
        let hangup = try TestSocket.tcp(port: supervisor.port("hangup"))
        let stubborn = try TestSocket.tcp(port: supervisor.port("stubborn"))
        #expect(try hangup.receiveLine() == "ready")
        #expect(try stubborn.receiveLine() == "ready")
        try supervisor.stop()
        #expect(try hangup.receiveText() == "hup\n")
        #expect(try stubborn.receiveToEnd().isEmpty)
    }

    @Test("on_stop: leave lets running handlers outlive the supervisor")
    func onStopLeave() throws {
        let table = """
            limits: {stop_timeout: 100ms}
            services:
              stays: {listen: "127.0.0.1:0", exec: [/bin/cat], on_stop: leave}
            """
        let supervisor = try RunningSupervisor(table)
        let client = try TestSocket.tcp(port: supervisor.port("stays"))
        try client.send("x")
        _ = try client.receive(exactly: 1)
        let handler = try supervisor.onlyHandler()
        let others = supervisor.view.descendants.filter { $0 != handler }
        try supervisor.process.signal(SIGTERM)
        try supervisor.expectEnd(of: others)
        #expect(handler.isAlive)
        try client.send("still there")
        #expect(try client.receive(exactly: 11) == Array("still there".utf8))
        client.close()
        #expect(eventually { !handler.isAlive })
    }

    @Test("regression: who outlives the supervisor is not killed for a word to its standard error")
    func outlivingWords() throws {
        let script = "echo there; read -r line; echo a word >&2; echo alive; read -r line"
        let supervisor = try RunningSupervisor(
            "services: {stays: {listen: '127.0.0.1:0', exec: [/bin/sh, -c, '\(script)'], on_stop: leave}}")
        let client = try TestSocket.tcp(port: supervisor.port("stays"))
        #expect(try client.receiveLine() == "there")
        let handler = try supervisor.onlyHandler()
        let others = supervisor.view.descendants.filter { $0 != handler }
        try supervisor.process.signal(SIGTERM)
        try supervisor.expectEnd(of: others)
        // It reads on, has nothing else of the supervisor, and is gone with the last that writes.
        func readers() throws -> [ProcessView] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }.map(ProcessView.init)
                .filter { $0.contents(of: "comm") == "baton-stderr\n" }
                .filter { $0.contents(of: "cmdline")?.contains(supervisor.runtimeDirectory) == true }
        }
        #expect(eventually { (try? readers().map(\.descriptorKinds.count)) == [1] })
        try client.send("go on\n")
        #expect(try client.receiveLine() == "alive")
        client.close()
        #expect(eventually { !handler.isAlive })
        #expect(eventually { (try? readers().isEmpty) == true })
    }

    @Test("of many processes those that end at once are all collected, at once or soon after, and the others live on")
    func manyEnds() throws {
        let table = """
            services:
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat], per_source: unlimited}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("cat")
            var clients = try (0..<150).map { _ in try TestSocket.tcp(port: port) }
            try supervisor.waitForService("cat", "all there") { $0.connections.spawned == 150 }
            let handlers = supervisor.handlers()
            #expect(handlers.count == 150)
            // Every other one: while the supervisor has not read of the first, it is told of no second.
            try ProcessView(pid: supervisor.process.pid).stop()
            for handler in handlers.enumerated() where handler.offset % 2 == 0 { kill(handler.element.pid, SIGKILL) }
            try supervisor.process.signal(SIGCONT)
            let counts = try supervisor.waitForService("cat", "half gone") { $0.connections.ended == 75 }.connections
            #expect(counts.active == 75)
            clients.removeAll()
            try supervisor.waitForService("cat", "all gone") { $0.connections.ended == 150 }
        }
    }
}
