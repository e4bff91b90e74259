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

    /// What is started how.
    enum Start: String, CaseIterable {
        case plain = "start"
        case separated = "separated start"
        case managed = "managed start"

        /// All, or the one that BATON_FAULTS names.
        static let walked =
            FaultSweep.what == nil
            ? [.plain] : allCases.filter { [$0.rawValue, "all", "each"].contains(FaultSweep.what) }

        var table: String {
            switch self {
            case .plain: StartFaultTests.table
            case .separated: "supervisor_user: nobody\n" + StartFaultTests.table
            case .managed: "log: {to: DIRECTORY/events}\nmetrics: {listen: ['127.0.0.1:0']}\n" + StartFaultTests.table
            }
        }
    }

    private func start(
        _ how: Start, _ injector: FaultInjector, in directory: TemporaryDirectory, _ fault: SystemCallFault? = nil
    ) throws -> RunningSupervisor {
        var environment = injector.environment()
        var program = FaultInjector.program
        var inherited: [TestSocket] = []
        if how == .managed {
            inherited = [try TestSocket.bound()]
            try inherited[0].listen()
            // By the first of them --ready-fd is meant, which is taken for itself.
            environment.merge([
                "NOTIFY_SOCKET": directory.path("notify"), "FDSTORE": "10", "LISTEN_FDS": "2",
                "LISTEN_FDNAMES": "ready:cat",
            ]) { $1 }
            program = try directory.writeScript("managed", "LISTEN_PID=$$ exec \(FaultInjector.program) \"$@\"\n")
        }
        // That one is the newline on --ready-fd.
        injector.arm(fault, until: "write(socket)")
        return try RunningSupervisor(
            how.table.replacing("DIRECTORY", with: directory.path), in: directory, environment: environment,
            inherited: inherited.map(\.descriptor), program: program)
    }

    private func expectServing(_ supervisor: RunningSupervisor) throws {
        do { try serve(supervisor) } catch { throw TestFailure("\(error)\n\(supervisor.log.tail)") }
    }

    private func serve(_ supervisor: RunningSupervisor) throws {
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

    @Test(
        "whichever call of a start fails, it starts, or says why, exits with 1 and leaves nothing",
        arguments: Start.walked)
    func start(_ how: Start) throws {
        let injector = try FaultInjector()
        let place = try Place()
        let supervisor = try start(how, injector, in: place.directory)
        let counts = injector.counts
        try expectServing(supervisor)
        try supervisor.stop()
        try walk(FaultSweep.faults(counts)) { fault, injector in
            let place = try Place()
            let supervisor: RunningSupervisor
            do {
                supervisor = try start(how, injector, in: place.directory, fault)
            } catch let failure as RunningSupervisor.NotReady {
                // It has started, and could not say so.
                if fault.call.name == "write(socket)", failure.log.contains("ready after") { return }
                return try expectRefusal(failure, in: place.directory)
            }
            _ = injector.disarm()
            try expectServing(supervisor)
            if how == .managed { try place.expectReady(despite: fault) }
            try supervisor.stop()
        }
    }

    /// A directory in which a service manager listens.
    private struct Place {
        let directory: TemporaryDirectory
        private let manager: ManagerSocket

        init() throws {
            directory = try TemporaryDirectory()
            manager = try ManagerSocket(directory.path("notify"))
        }

        /// What is short for a moment is no reason to let the manager wait for ever.
        func expectReady(despite fault: SystemCallFault) throws {
            guard FallibleCall.isShortage(fault.error) else { return }
            while try manager.receive()["READY"] != "1" {}
        }
    }

    private func expectRefusal(_ failure: RunningSupervisor.NotReady, in directory: TemporaryDirectory) throws {
        guard [.exited(1), .exited(78)].contains(failure.status),
            ["batond: ", "error: "].contains(where: failure.log.contains)
        else { throw failure }
        let left = (try? FileManager.default.contentsOfDirectory(atPath: directory.path("run"))) ?? []
        guard !left.contains(where: { $0.hasSuffix(".sock") }) else { throw TestFailure("\(failure)\nleft: \(left)") }
    }

    @Test("whichever call of an orderly end fails, it ends with 0 and leaves no process", arguments: Start.walked)
    func stop(_ how: Start) throws {
        let injector = try FaultInjector()
        let place = try Place()
        let supervisor = try start(how, injector, in: place.directory)
        injector.arm(nil)
        try supervisor.stop()
        // A worker that cannot be spoken to, and not for a shortage, ends with 1; nor can root be kept from its child.
        let faults = FaultSweep.faults(injector.counts).filter {
            how != .separated || !["sendmsg", "recvmsg", "kill"].contains($0.call.name)
                || ![EAGAIN, EPERM].contains($0.error)
        }
        try walk(faults) { fault, injector in
            let place = try Place()
            let supervisor = try start(how, injector, in: place.directory)
            try expectServing(supervisor)
            injector.arm(fault)
            try supervisor.stop()
        }
    }
}
