import Glibc
import TestSupport
import Testing

/// The trap of promise 2: a handler is dead and collected, but a child of its own still holds the channel, in which
/// a connection lies that it has not acknowledged. Who took the exit for the end would deliver it twice.
@Suite struct DoubleDeliveryTests {
    private func table(_ behaviour: String, flag: String) -> String {
        """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff:
              exec: [/usr/bin/python3, \(Repository.path("Tests/Fixtures/supervised.py")), \(behaviour), \(flag)]
              heartbeat: false
              stop_grace: 400ms
              restart: {backoff: {first: 20ms, longest: 200ms}}
        """
    }

    /// A client whose connection lies unread in the channel of a handler that has a child.
    private func trap(_ supervisor: RunningSupervisor) throws -> (
        client: TestSocket, handler: ProcessView, child: ProcessView
    ) {
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        try client.send("hello\n")
        try supervisor.waitForService("app", "sent") { $0.handlers.first?.unacknowledged == 1 }
        let handler = try supervisor.onlyHandler()
        guard let child = handler.children.first else { throw TestFailure("the handler has no child") }
        return (client, handler, child)
    }

    @Test("the child is killed with the handler's group; then, and only then, the connection goes to the next handler")
    func childInGroup() throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(table("trap", flag: directory.path("flag"))) { supervisor in
            let (client, handler, child) = try trap(supervisor)
            kill(handler.pid, SIGKILL)
            #expect(try client.receiveText().hasSuffix(" hello\n"))
            #expect(!child.isAlive)
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }.connections
            #expect(counts.requeued == 1 && counts.cut == 0)
            supervisor.markBaseline()
        }
    }

    @Test("a child that left the group keeps the channel: the connection is cut after stop_grace, never given twice")
    func childElsewhere() throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(table("escape", flag: directory.path("flag"))) { supervisor in
            let (client, handler, child) = try trap(supervisor)
            defer { kill(child.pid, SIGKILL) }
            kill(handler.pid, SIGKILL)
            let counts = try supervisor.waitForService("app", "cut") { $0.connections.cut == 1 }.connections
            #expect(counts.requeued == 0 && counts.queued == 0)
            #expect(child.isAlive)
            // It still can take the connection; nobody else has it.
            kill(child.pid, SIGUSR1)
            #expect(try client.receiveText() == "from the grave")
            // And the service goes on.
            let next = try TestSocket.tcp(port: supervisor.port("app"))
            try next.send("again\n")
            #expect(try next.receiveText().hasSuffix(" again\n"))
            supervisor.markBaseline()
        }
    }
}
