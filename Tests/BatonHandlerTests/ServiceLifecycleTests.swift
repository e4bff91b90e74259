import BatonHandler
import BatonServiceLifecycle
import HandoffProtocol
import Logging
import ServiceLifecycle
import Testing

/// A handler in a ServiceGroup of swift-service-lifecycle.
@Suite(.timeLimit(.minutes(5))) struct ServiceLifecycleTests {
    @Test("a graceful shutdown of the group drains the handler, and lets what it holds finish")
    func gracefulShutdown() async throws {
        let supervisor = try FakeSupervisor()
        let service = HandlerService(HandlerConfiguration(service: "echo", channel: supervisor.handlersEnd)) {
            connection in
            while let line = try await connection.readLine() { try await connection.write(line) }
        }
        let group = ServiceGroup(services: [service], logger: Logger(label: "test"))
        async let running: Void = group.run()
        let client = try await onThread {
            try supervisor.welcome()
            let client = try supervisor.baton()
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            try client.write("before\n")
            #expect(try client.read() == "before\n")
            return client
        }
        await group.triggerGracefulShutdown()
        try await onThread {
            #expect(try supervisor.receive() == .drain)
            try client.write("after\n")
            client.finishWriting()
            #expect(try client.readAll() == "after\n")
            #expect(try supervisor.receive() == .done([1]))
            #expect(try supervisor.receive() == nil)
        }
        try await running
    }
}
