import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor

/// What the loop starts itself, where those who are told of it do as they like.
@Suite struct LoopSpawnsTests {
    private final class Bench {
        let loop: EventLoop
        let spawns: LoopSpawns
        private let ours: DescriptorBox
        private let theirs: DescriptorBox
        /// In the order in which they were told.
        private(set) var outcomes: [(job: Int, outcome: SpawnOutcome)] = []
        var whenTold: () -> Void = {}

        init(timeout: Duration = .seconds(60)) throws {
            loop = try EventLoop()
            let pair = try Socket.pair(.stream)
            (ours, theirs) = (DescriptorBox(pair.ours), DescriptorBox(pair.theirs))
            spawns = try LoopSpawns(
                loop: loop, instances: InstanceTable(loop: loop), reserved: nil,
                openFiles: ResourceLimits.Pair(soft: 1024, hard: 1024), timeout: timeout)
        }

        func begin(_ job: Int, _ path: String, _ arguments: [String]) {
            let plan = SpawnPlan(path: path, arguments: arguments, descriptors: [.null, .passed(0), .null])
            let isBegun = spawns.begin(SpawnStart(plan), passing: [theirs]) { [weak self] outcome in
                self?.outcomes.append((job, outcome))
                self?.whenTold()
            }
            #expect(isBegun)
        }

        /// Returns when so many have written a byte: they have executed their programs.
        func wait(for count: Int) throws {
            var byte: UInt8 = 0
            for _ in 0..<count { #expect(read(try #require(ours.borrowed).rawValue, &byte, 1) == 1) }
        }

        /// Our children, the program's or not yet, that hold what is passed to them.
        var children: [ProcessView] {
            let socket = theirs.borrowed.flatMap { ProcessView.own.descriptors[$0.rawValue] }
            return ProcessView.own.children.filter { $0.descriptors[1] == socket }
        }

        func killAll() throws {
            for case (_, .running(let pid)) in outcomes {
                kill(pid, SIGKILL)
                #expect(waitpid(pid, nil, 0) == pid)
            }
        }
    }

    @Test("regression: what starts alone is told of at a time behind that at which it was begun")
    func takesTime() throws {
        final class Beginner: EventSource {
            var begin: () -> Void = {}
            func ready(_ interest: Epoll.Interest) { begin() }
        }
        let bench = try Bench()
        let pair = try Socket.pair(.stream)
        let beginner = Beginner()
        let registration = try bench.loop.watch(pair.ours.borrowed, for: .writable, beginner, first: true)
        var (began, told) = (Duration.zero, Duration.zero)
        beginner.begin = {
            bench.loop.forget(registration)
            began = bench.loop.now
            bench.begin(1, "/bin/true", ["true"])
        }
        bench.whenTold = { told = bench.loop.now }
        try bench.loop.run { !bench.outcomes.isEmpty }
        #expect(told > began)
        try bench.killAll()
    }

    @Test("who comes alone again and again is waited for at once, but not who comes in the very next round")
    func waitsAtOnce() throws {
        let bench = try Bench()
        var begun = 0
        func begin(roundsLater rounds: UInt64) -> Bool {
            let round = bench.loop.round + rounds
            while bench.loop.round < round { bench.loop.turn() }
            begun += 1
            bench.begin(begun, "/bin/true", ["true"])
            return bench.spawns.wasAwaited
        }
        func finish() throws { try bench.loop.run { bench.outcomes.count == begun } }
        #expect(!begin(roundsLater: 1))
        try finish()
        // On a busy machine one takes so long that for a second none is waited for.
        var wasAwaited = false
        for _ in 0..<10_000 where !wasAwaited {
            wasAwaited = begin(roundsLater: 2)
            if !wasAwaited { try finish() }
        }
        #expect(wasAwaited)
        #expect(!begin(roundsLater: 1))
        try finish()
        try bench.killAll()
    }

    @Test("regression: who is told of the first and stops them all leaves the others that run as running")
    func stopsWithinLook() throws {
        let bench = try Bench()
        for job in 0..<3 { bench.begin(job, "/bin/sh", ["sh", "-c", "printf x; exec sleep 1000"]) }
        try bench.wait(for: 3)
        bench.whenTold = { bench.spawns.stop() }
        try bench.loop.run { bench.outcomes.count == 3 }
        #expect(bench.outcomes.map(\.job).sorted() == [0, 1, 2])
        for (_, outcome) in bench.outcomes {
            guard case .running(let pid) = outcome else { throw TestFailure("\(outcome)") }
            #expect(ProcessView(pid: pid).isAlive)
        }
        try bench.killAll()
    }

    /// Nil where no exec can be held up.
    private func held(_ directory: TemporaryDirectory) throws -> (program: String, gate: ExecGate)? {
        let program = directory.path("cat")
        _ = try runProgram("/bin/cp", ["/bin/cat", program])
        return try ExecGate(program, in: directory).map { (program, $0) }
    }

    @Test("regression: who is told that the first took too long and stops them all: each is told once")
    func stopsWithinOverdue() throws {
        let directory = try TemporaryDirectory()
        guard geteuid() == 0, let (program, gate) = try held(directory) else { return }
        let bench = try Bench(timeout: .milliseconds(1))
        for job in 0..<4 { bench.begin(job, program, ["cat"]) }
        bench.whenTold = { bench.spawns.stop() }
        try bench.loop.run { bench.outcomes.count == 4 }
        #expect(bench.outcomes.map(\.job).sorted() == [0, 1, 2, 3])
        for (_, outcome) in bench.outcomes {
            // On a busy machine not all of them come as far as their exec.
            guard case .failed(let pid?, _, let error) = outcome else { throw TestFailure("\(outcome)") }
            #expect(error == .timedOut || error == .canceled)
            #expect(waitpid(pid, nil, 0) == pid)
        }
        withExtendedLifetime(gate) {}
    }

    @Test("regression: one that does not even die of it is given up; its place is taken, and nobody waits for it")
    func immortal() throws {
        let directory = try TemporaryDirectory()
        guard geteuid() == 0, let freezer = TemporaryFreezer(), let (program, gate) = try held(directory) else {
            return
        }
        let bench = try Bench(timeout: .milliseconds(600))
        bench.begin(0, program, ["cat"])
        var children: [ProcessView] = []
        #expect(
            eventually {
                children = bench.children
                return children.count == 1
            })
        let child = try #require(children.first)
        try freezer.freeze(child.pid)
        try bench.loop.run { bench.outcomes.count == 1 }
        #expect(bench.outcomes[0].outcome == .failed(pid: child.pid, stage: .exec, error: .timedOut))
        #expect(child.isAlive)
        #expect(!bench.spawns.isExpecting)
        bench.begin(1, "/bin/sleep", ["sleep", "1000"])
        #expect(bench.spawns.isExpecting)
        for job in 2..<LoopSpawns.most { bench.begin(job, "/bin/sleep", ["sleep", "1000"]) }
        try bench.loop.run { bench.outcomes.count == LoopSpawns.most }
        try freezer.thaw()
        #expect(waitpid(child.pid, nil, 0) == child.pid)
        try bench.killAll()
        withExtendedLifetime(gate) {}
    }
}
