import Foundation
import TestSupport
import Testing

/// What was found by failing system calls of a monitor, its worker, and programs that take over.
@Suite(.enabled(if: geteuid() == 0)) struct SeparationFaultTests {
    private static let echo = "services: {echo: {listen: '127.0.0.1:0', internal: echo}}"
    private static let separated = "supervisor_user: nobody\n" + echo

    private func withFaults(
        _ table: String, in directory: TemporaryDirectory? = nil, environment: [String: String] = [:],
        _ scenario: (RunningSupervisor, FaultInjector) throws -> Void
    ) throws {
        let injector = try FaultInjector()
        let supervisor = try RunningSupervisor(
            table, in: directory, environment: injector.environment().merging(environment) { $1 },
            program: FaultInjector.program)
        try scenario(supervisor, injector)
        _ = injector.disarm()
        try supervisor.stop()
    }

    @Test("a monitor without memory for the table that was read says so, and the next reload is one")
    func tableWithoutMemory() throws {
        try withFaults(Self.separated) { supervisor, injector in
            injector.arm(nil)
            _ = try supervisor.control().result("reload")
            let call = try FallibleCall.named("memfd_create")
            let last = try #require(injector.counts[.supervisor]?[call])
            injector.arm(SystemCallFault(.supervisor, call, occurrence: last, error: ENOMEM))
            #expect(try supervisor.control().request("reload")["error"] != nil)
            #expect(injector.disarm() == 1)
            _ = try supervisor.control().result("reload")
        }
    }

    @Test(
        "a monitor that cannot start its worker says why and leaves nothing",
        arguments: ["fcntl(F_ADD_SEALS)", "clone"])
    func noWorker(name: String) throws {
        let call = try FallibleCall.named(name)
        func start(_ fault: SystemCallFault?, in directory: TemporaryDirectory) throws -> Int {
            let injector = try FaultInjector()
            injector.arm(fault, until: "write(socket)")
            let supervisor = try RunningSupervisor(
                Self.separated, in: directory, environment: injector.environment(), program: FaultInjector.program)
            let count = injector.counts[.supervisor]?[call] ?? 0
            try supervisor.stop()
            return count
        }
        let last = try start(nil, in: TemporaryDirectory())
        let directory = try TemporaryDirectory()
        #expect(throws: RunningSupervisor.NotReady.self) {
            try start(SystemCallFault(.supervisor, call, occurrence: last, error: EPERM), in: directory)
        }
        #expect(access(directory.path("run"), F_OK) != 0)
    }

    @Test(
        "a message between monitor and worker that there is no memory for is sent later",
        arguments: [ProcessRole.supervisor, .worker], [ENOBUFS, ENOMEM, ETOOMANYREFS])
    func messageWithoutMemory(role: ProcessRole, error: Int32) throws {
        try withFaults(Self.separated) { supervisor, injector in
            let call = try FallibleCall.named("sendmsg")
            injector.arm(nil)
            _ = try supervisor.control().result("reload")
            for occurrence in 1...(try #require(injector.counts[role]?[call])) {
                injector.arm(SystemCallFault(role, call, occurrence: occurrence, error: error))
                _ = try supervisor.control().result("reload")
                #expect(injector.disarm() == 1)
            }
            #expect(try supervisor.status().worker?.restarts == 0)
        }
    }

    @Test(
        "what there is no memory for when the service manager is to hear it, it hears later",
        arguments: [echo, separated])
    func managerWithoutMemory(table: String) throws {
        let directory = try TemporaryDirectory()
        let manager = try ManagerSocket(directory.path("notify"))
        let environment = ["NOTIFY_SOCKET": directory.path("notify")]
        try withFaults(table, in: directory, environment: environment) { supervisor, injector in
            while try manager.receive()["READY"] != "1" {}
            let role: ProcessRole = table == Self.echo ? .supervisor : .worker
            for error in [ENOBUFS, EPERM] {
                injector.arm(SystemCallFault(role, try .named("sendmsg"), occurrence: 1, error: error))
                _ = try supervisor.control().result("reload")
                while try manager.receive()["READY"] != "1" {}
            }
        }
    }

    @Test(
        "an upgrade during a shortage that neither program can begin in goes on when it is over",
        arguments: [echo, separated])
    func lastingShortage(table: String) throws {
        try withFaults(table) { supervisor, injector in
            let client = try TestSocket.tcp(port: supervisor.port("echo"))
            let call = try FallibleCall.named("signalfd4")
            injector.arm(SystemCallFault(.supervisor, call, occurrence: 1, error: EMFILE, lasts: true))
            let control = try supervisor.control()
            try control.ask("upgrade")
            #expect(eventually { injector.failures >= 3 })
            _ = injector.disarm()
            #expect(try control.answer()["error"] != nil)
            try client.send("hello")
            #expect(try client.receive(exactly: 5) == Array("hello".utf8))
            client.close()
            let again = try supervisor.control()
            _ = try again.result("upgrade")
        }
    }
}
