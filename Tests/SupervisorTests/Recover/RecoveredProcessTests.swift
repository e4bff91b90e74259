import ControlProtocol
import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import ServiceTable
@testable import Supervisor

/// Processes whose supervisor was killed go on under the next one. They are children of the test, which tells of their
/// ends as whoever starts supervisors does.
@Suite struct RecoveredProcessTests {
    private static let launcher = SpawnPlan(
        path: Repository.product("batond"), arguments: ["batond", "launcher", "3", "4"], descriptors: [])

    private static func isLeft(_ pid: Int32, _ since: Duration) -> Bool {
        ProcessBirth(of: pid).map { $0.parent == getpid() && $0.isBefore(since) } ?? false
    }

    private static let files: Service = {
        var service = Service(name: "files")
        service.dispatch = .exec(.at("/bin/cat"))
        return service
    }()

    /// Collects a child of the test, and tells of it.
    private static func collect(_ pid: Int32, _ bench: RosterBench) throws {
        bench.runtime.instances.collectInherited(pid, try ChildProcess.collect(pid))
    }

    @Test("their ends settle the connections that they had")
    func exec() throws {
        let bench = try RosterBench(Self.files, launcher: Self.launcher)
        let clients = try (0..<3).map { _ in try bench.connect() }
        try bench.run { bench.counters.spawned == 3 }
        #expect(try bench.content.processes.count == 3)
        let pids = bench.service.dispatcher.instances.map(\.pid)
        // One of them ends while there is no supervisor, and is collected before the next one is there.
        kill(pids[0], SIGKILL)
        _ = try ChildProcess.collect(pids[0])

        let next = try bench.successor(launcher: Self.launcher, isLeft: Self.isLeft)
        #expect(next.counters.active == 2 && next.counters.accepted == 2 && next.counters.isBalanced)
        #expect(next.runtime.occupancy.taken == 2)
        let own = try #require(try next.connect())
        try next.run { next.counters.spawned == 1 }
        kill(pids[1], SIGTERM)
        try Self.collect(pids[1], next)
        #expect(next.counters.ended == 1 && next.counters.active == 2 && next.runtime.occupancy.taken == 2)
        next.service.dispatcher.end(firmly: true)
        try Self.collect(pids[2], next)
        #expect(next.counters.ended == 2 && next.counters.active == 1)
        _ = own
        let pid = try #require(next.service.dispatcher.instances.first?.pid)
        #expect(pids.contains(pid) == false)
        _ = try ChildProcess.collect(pid)
        next.runtime.launchers.stop()
        _ = clients
    }

    @Test("a handler that is a child goes on, writes to the log that it has always had, and drains")
    func supervised() throws {
        let program = Program.at(
            "/usr/bin/python3", Repository.path("Tests/Fixtures/supervised.py"), "echo")
        let bench = try RosterBench(.handedOff(program: program), launcher: Self.launcher)
        let first = try #require(try bench.connect())
        try Self.ask(first)
        try bench.run { bench.counters.ended == 1 }
        let pid = try #require(bench.handlers.first?.pid)

        let next = try bench.successor(launcher: Self.launcher, isLeft: Self.isLeft)
        #expect(next.handlers.map(\.pid) == [pid] && next.service.dispatcher.handoff?.supply.members.count == 1)
        #expect(next.service.dispatcher.standardError?.saved?.kept == UInt64(1) << 63 + 1)
        let second = try #require(try next.connect())
        try Self.ask(second)
        try next.run { next.counters.ended == 1 }
        #expect(next.counters.isBalanced && next.counters.handedOff == 1)

        next.service.stop(why: "the test is over")
        let status = try ChildProcess.collect(pid)
        #expect(status.succeeded, "DRAIN was the end of it")
        next.runtime.instances.collectInherited(pid, status)
        try next.run { next.handlers.isEmpty }
        #expect(next.counters.lost == 0 && next.counters.isBalanced)
        next.runtime.launchers.stop()
    }

    private static func ask(_ client: DescriptorBox) throws {
        let socket = try #require(client.borrowed)
        _ = try DescriptorPassing.send(Array("hello\n".utf8), on: socket)
    }

    @Test("of a handler that has died meanwhile, nothing is left but its death")
    func deadHandler() throws {
        let program = Program.at(
            "/usr/bin/python3", Repository.path("Tests/Fixtures/supervised.py"), "hold")
        let bench = try RosterBench(.handedOff(program: program), launcher: Self.launcher)
        let client = try bench.connect()
        try bench.run { bench.counters.active == 1 }
        let pid = try #require(bench.handlers.first?.pid)
        kill(pid, SIGKILL)
        let status = try ChildProcess.collect(pid)
        // It is known that its end is to be told.
        let next = try bench.successor(launcher: Self.launcher) { number, _ in number == pid }
        #expect(next.counters.active == 1)
        next.runtime.instances.collectInherited(pid, status)
        try next.run { next.counters.cut == 1 }
        #expect(next.counters.active == 0 && next.counters.isBalanced)
        try next.run { next.handlers.allSatisfy { $0.pid != pid } }
        next.runtime.launchers.stop()
        for instance in next.handlers.compactMap(\.instance) {
            instance.kill(why: "the test is over")
            _ = try ChildProcess.collect(instance.pid)
        }
        _ = client
    }
}
