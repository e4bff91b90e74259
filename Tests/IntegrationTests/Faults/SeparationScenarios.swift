import Foundation
import TestSupport

/// Rights in one process, decisions in another.
extension FaultScenario {
    static let separations = [
        separatedWays, separatedHandlers, separatedReload, separatedManager, workerDeath, separatedUpgrade,
    ]

    /// Each way that a connection may go.
    static let separatedWays = FaultScenario(
        name: "separated ways",
        table: """
            supervisor_user: nobody
            services:
              cat: {listen: ["127.0.0.1:0", "DIRECTORY/cat"], exec: [/bin/cat]}
              echo: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: echo}
              relay: {listen: "127.0.0.1:0", redirect: "127.0.0.1:PORT"}
              target: {listen: "127.0.0.1:PORT", internal: echo}
              front:
                listen: "127.0.0.1:0"
                route: {rules: [{match: {prefix: hello}, to: cat}], default: echo}
            """
    ) { supervisor in
        for name in ["cat", "echo", "relay", "front"] { try echo(at: supervisor.port(name)) }
        try exchangeDatagrams(port: supervisor.port("echo", listener: 1))
    }

    /// Guarded launchers, and what goes with a handler in the monitor's keeping.
    static let separatedHandlers = FaultScenario(
        name: "separated handlers",
        table: """
            supervisor_user: nobody
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, register: {users: [root]}}}
              own:
                listen: "127.0.0.1:0"
                handoff:
                  exec: [/usr/bin/python3, -IS, FIXTURES/supervised.py, echo]
                  restart: {backoff: {first: 20ms, longest: 200ms}}
            """
    ) { supervisor, surroundings in
        try registered.drive(supervisor, surroundings)
        try ask(handlerOf: "own", at: supervisor)
        // Killed: the next one is started, by a launcher, and kept, by the monitor.
        for handler in supervisor.handlers() { kill(handler.pid, SIGKILL) }
        try ask(handlerOf: "own", at: supervisor)
    }

    static let separatedReload = reload.separated("separated reload")
    static let separatedManager = managed.separated("separated service manager")

    /// Another one goes on with the listeners, a process and a handler.
    static let workerDeath = FaultScenario(
        name: "worker killed",
        table: """
            supervisor_user: nobody
            services:
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, register: {users: [root]}}}
            """
    ) { supervisor in
        let handler = try RegisteredHandler("app", at: supervisor)
        defer { handler.die() }
        let held = try TestSocket.tcp(port: supervisor.port("app"))
        let baton = try handler.receiveBaton()
        try handler.acknowledge(baton.id)
        let cat = try TestSocket.tcp(port: supervisor.port("cat"))
        try cat.send("a")
        try expect(cat.receive(exactly: 1) == [97])
        try supervisor.waitForService("app", "holds one") { $0.connections.active == 1 }
        let worker = supervisor.view
        kill(worker.pid, SIGKILL)
        try expect(eventually(within: Deadline(seconds: 10)) { !worker.isAlive })
        try supervisor.waitForService("app", "goes on", within: Deadline(seconds: 10)) {
            $0.connections.active == 1 && $0.handlers.count == 1
        }
        try cat.send("b")
        try expect(cat.receive(exactly: 1) == [98])
        try baton.socket.shutDown()
        baton.socket.close()
        try handler.done(baton.id)
        try expect(held.receiveToEnd().isEmpty)
        cat.close()
        try echo(at: supervisor.port("cat"))
    }

    static let separatedUpgrade = upgrade.separated("separated upgrade")
}
