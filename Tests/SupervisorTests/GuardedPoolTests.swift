import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor

/// A pool whose process may do no more than ask its launchers.
@Suite struct GuardedPoolTests {
    private static let trueProgram = SpawnPlan(
        path: "/bin/true", arguments: ["true"], descriptors: [.null, .null, .null])

    @Test("what is permitted is started, what is not is answered with EPERM, and the launchers go on")
    func guarded() throws {
        let bench = try GuardedBench()
        let plan = try bench.permitted(Self.trueProgram)
        let launchers = bench.launchers
        #expect(launchers.count == 2)
        for _ in 0..<3 {
            #expect(try bench.ended(bench.outcome(plan)) == 0)
            #expect(try bench.outcome(Self.trueProgram) == .failed(pid: nil, stage: .prepare, error: .notPermitted))
        }
        #expect(bench.launchers == launchers)
    }

    @Test("one that is lost is replaced by the other, and that one by the new one: nothing is started here")
    func replaced() throws {
        let bench = try GuardedBench()
        let plan = try bench.permitted(Self.trueProgram)
        for _ in 0..<4 {
            let lost = try #require(bench.launchers.first)
            kill(lost, SIGKILL)
            try bench.run { !bench.launchers.contains(lost) && bench.launchers.count == 2 }
            #expect(try collect(lost) == SIGKILL)
            #expect(bench.launchers.allSatisfy { ProcessView(pid: $0).parent == getpid() })
            #expect(try bench.ended(bench.outcome(plan)) == 0)
        }
        #expect(bench.timesLost == 0)
    }

    @Test("when all are lost it says so once, and tries no more")
    func lostAll() throws {
        let bench = try GuardedBench()
        let launchers = bench.launchers
        for launcher in launchers { kill(launcher, SIGKILL) }
        try bench.run { bench.timesLost > 0 }
        var answers = 0
        bench.pool.spawn(Self.trueProgram, passing: []) { _ in answers += 1 }
        var isOver = false
        _ = bench.loop.schedule(after: .milliseconds(50)) { isOver = true }
        try bench.run { isOver }
        #expect(bench.timesLost == 1 && bench.launchers.isEmpty && answers == 0)
        for launcher in launchers { #expect(try collect(launcher) == SIGKILL) }
    }

    @Test("who takes over has the launchers of before start others in their place, and jobs are done meanwhile")
    func carried() throws {
        let before = try GuardedBench()
        let plan = try before.permitted(Self.trueProgram)
        #expect(try before.ended(before.outcome(plan)) == 0)
        let former = before.launchers
        let after = try GuardedBench(after: before)
        #expect(after.launchers == former)
        #expect(try after.ended(after.outcome(plan)) == 0)
        try after.run { after.launchers.count == 2 && Set(after.launchers).isDisjoint(with: former) }
        #expect(after.launchers.allSatisfy { ProcessView(pid: $0).parent == getpid() })
        for _ in 0..<3 { #expect(try after.ended(after.outcome(plan)) == 0) }
        #expect(try after.outcome(Self.trueProgram) == .failed(pid: nil, stage: .prepare, error: .notPermitted))
        #expect(after.timesLost == 0 && after.signaled.isEmpty)
    }

    @Test("nobody takes over from no launcher")
    func noneCarried() throws {
        let loop = try EventLoop()
        #expect(throws: Errno.noSuchProcess) {
            _ = try LauncherPool(loop: loop, instances: InstanceTable(loop: loop), carried: []) { _, _ in }
        }
    }

    @Test("whoever may not signal launchers has it done: a child that hangs, and the launchers at the end")
    func signals() throws {
        let bench = try GuardedBench(answerTimeout: .seconds(1))
        let directory = try TemporaryDirectory()
        let fifo = directory.path("fifo")
        try check("mkfifo") { mkfifo(fifo, 0o600) }
        var plan = Self.trueProgram
        plan.descriptors[2] = .file(fifo)
        guard case .failed(let pid?, .stderr, .timedOut) = try bench.outcome(bench.permitted(plan)) else {
            throw TestFailure("another outcome")
        }
        #expect(bench.signaled == [pid])
        #expect(try collect(pid) == SIGKILL)
        let launchers = bench.launchers
        bench.pool.stop()
        #expect(bench.signaled == [pid] + launchers)
        #expect(bench.timesLost == 0)
        for launcher in launchers { #expect(try collect(launcher) == SIGKILL) }
    }
}

/// The wait status of a child that has ended or is about to.
private func collect(_ pid: Int32) throws -> Int32 {
    var status: Int32 = 0
    guard eventually({ waitpid(pid, &status, WNOHANG) == pid }) else { throw TestFailure("\(pid) does not end") }
    return status
}

/// A loop with a pool of real launchers.
private final class GuardedBench {
    let loop: EventLoop
    let pool: LauncherPool
    private var book: PermitBook
    private let log = SignalLog()
    private(set) var timesLost = 0

    private final class SignalLog {
        var pids: [Int32] = []
    }

    init(answerTimeout: Duration = .seconds(5)) throws {
        let directory = try TemporaryDirectory()
        let program = directory.path("batond")
        try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: Repository.product("batond"))
        loop = try EventLoop()
        book = try PermitBook()
        pool = try LauncherPool(
            loop: loop, instances: InstanceTable(loop: loop),
            plan: SpawnPlan(path: program, arguments: ["batond", "launcher", "3", "4", "5"], descriptors: []),
            permits: DescriptorBox(book.readOnly()),
            settings: LauncherPool.Settings(answerTimeout: answerTimeout, firstBackoff: .milliseconds(1))
        ) { [log] pid, signal in
            log.pids.append(pid)
            kill(pid, signal)
        }
        // The directory goes now: none is started by that path again.
        pool.lostAll = { [unowned self] in timesLost += 1 }
    }

    /// With copies of what another has, as a program that takes over has them.
    init(after other: GuardedBench) throws {
        loop = try EventLoop()
        book = try PermitBook(adopting: other.book.borrowed.duplicate())
        let carried = try other.pool.saved.map { launcher in
            let copies = try [launcher.channel, launcher.report].map { descriptor in
                SavedDescriptor(FileDescriptor(rawValue: try check("dup") { dup(descriptor.number) }))
            }
            return SavedLauncher(pid: launcher.pid, channel: copies[0], report: copies[1])
        }
        let instances = InstanceTable(loop: loop)
        pool = try LauncherPool(loop: loop, instances: instances, carried: carried) { [log] pid, signal in
            log.pids.append(pid)
            kill(pid, signal)
        }
        pool.lostAll = { [unowned self] in timesLost += 1 }
    }

    deinit {
        let left = launchers
        pool.stop()
        for launcher in left { waitpid(launcher, nil, 0) }
    }

    var launchers: [Int32] { pool.launchers.map(\.pid) }
    /// Whom a signal was asked for.
    var signaled: [Int32] { log.pids }

    func permitted(_ plan: SpawnPlan) throws -> SpawnPlan {
        var plan = plan
        plan.permit = try book.add(plan)
        return plan
    }

    func outcome(_ plan: SpawnPlan) throws -> SpawnOutcome {
        var outcome: SpawnOutcome?
        pool.spawn(plan, passing: []) { outcome = $0 }
        try run { outcome != nil }
        guard let outcome else { throw TestFailure("no answer") }
        return outcome
    }

    func ended(_ outcome: SpawnOutcome) throws -> Int32 {
        guard case .running(let pid) = outcome else { throw TestFailure("\(outcome)") }
        return try collect(pid)
    }

    /// Runs the loop until `isDone`.
    func run(until isDone: @escaping () -> Bool) throws {
        try loop.run(until: isDone)
    }
}
