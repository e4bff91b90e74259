import Foundation
import TestSupport
import Testing

/// System calls that fail while the supervisor begins or ends.
@Suite(.enabled(if: geteuid() == 0)) struct StartFaultTests {
    private static let table = """
        services:
          cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
          unix: {listen: DIRECTORY/socket, internal: echo}
        """

    private func start(
        _ injector: FaultInjector, in directory: TemporaryDirectory, _ fault: SystemCallFault? = nil
    ) throws -> RunningSupervisor {
        // That one is the newline on --ready-fd.
        injector.arm(fault, until: "write(socket)")
        return try RunningSupervisor(
            Self.table.replacing("DIRECTORY", with: directory.path), in: directory,
            environment: injector.environment(), program: FaultInjector.program)
    }

    private func expectServing(_ supervisor: RunningSupervisor) throws {
        try supervisor.waitForService("cat", "listening") { $0.listeners[0].state == "listening" }
        let client = try TestSocket.tcp(port: supervisor.port("cat"))
        try client.send("hello")
        guard try client.receive(exactly: 5) == Array("hello".utf8) else { throw TestFailure("no echo") }
        client.close()
        try supervisor.waitForService("cat", "over") { $0.connections.active == 0 }
    }

    /// Each of them in a supervisor of its own, two at a time.
    private func walk(
        _ faults: [SystemCallFault], _ meet: @escaping @Sendable (SystemCallFault, FaultInjector) throws -> Void
    ) throws {
        let threads = Threads(2) { number in
            var failures: [String] = []
            for (index, fault) in faults.enumerated() where index % 2 == number {
                do {
                    let injector = try FaultInjector()
                    try meet(fault, injector)
                    try injector.expectEnd()
                } catch {
                    failures.append("\(fault): \(error)")
                }
            }
            guard failures.isEmpty else { throw TestFailure(failures.joined(separator: "\n\n")) }
        }
        try threads.join(within: Deadline(seconds: 600))
        print("\(faults.count) failures walked")
    }

    @Test("whichever call of a start fails, it starts, or says why, exits with 1 and leaves nothing")
    func start() throws {
        let injector = try FaultInjector()
        let directory = try TemporaryDirectory()
        let supervisor = try start(injector, in: directory)
        let counts = injector.counts
        try expectServing(supervisor)
        try supervisor.stop()
        try walk(FaultSweep.faults(counts)) { fault, injector in
            let directory = try TemporaryDirectory()
            let supervisor: RunningSupervisor
            do {
                supervisor = try start(injector, in: directory, fault)
            } catch let failure as RunningSupervisor.NotReady {
                // It has started, and could not say so.
                if fault.call.name == "write(socket)", failure.log.contains("ready after") { return }
                return try expectRefusal(failure, in: directory)
            }
            _ = injector.disarm()
            try expectServing(supervisor)
            try supervisor.stop()
        }
    }

    private func expectRefusal(_ failure: RunningSupervisor.NotReady, in directory: TemporaryDirectory) throws {
        guard [.exited(1), .exited(78)].contains(failure.status),
            ["batond: ", "error: "].contains(where: failure.log.contains)
        else { throw failure }
        let left = (try? FileManager.default.contentsOfDirectory(atPath: directory.path("run"))) ?? []
        guard !left.contains(where: { $0.hasSuffix(".sock") }) else { throw TestFailure("\(failure)\nleft: \(left)") }
    }

    @Test("whichever call of an orderly end fails, it ends with 0 and leaves no process")
    func stop() throws {
        let injector = try FaultInjector()
        let supervisor = try start(injector, in: TemporaryDirectory())
        injector.arm(nil)
        try supervisor.stop()
        try walk(FaultSweep.faults(injector.counts)) { fault, injector in
            let supervisor = try start(injector, in: TemporaryDirectory())
            try expectServing(supervisor)
            injector.arm(fault)
            try supervisor.stop()
        }
    }
}
