import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Supervisor

/// The pool, with a launcher that answers one job and dies while others lie in its channel.
@Suite struct LauncherPoolTests {
    private static let shortLived = """
        import os, socket, struct, sys
        channel = socket.socket(fileno=3)
        job = channel.recv(1 << 18)
        name = job[job.index(b'/job-'):].split(b'\\0')[0]
        os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), name + b'\\n')
        channel.send(struct.pack('<QIII', struct.unpack_from('<Q', job, 4)[0], 17, 0, os.getpid()))
        os._exit(0)
        """

    @Test(
        "the loop starts nothing while something is open whose close may wait: a child of ours would close a copy of it"
    )
    func whileClosing() throws {
        let loop = try EventLoop()
        let instances = InstanceTable(loop: loop)
        let openFiles = ResourceLimits.Pair(soft: 1024, hard: 1024)
        let own = try LoopSpawns(loop: loop, instances: instances, reserved: nil, openFiles: openFiles)
        let pool = try LauncherPool(
            loop: loop, instances: instances,
            plan: SpawnPlan(path: "/bin/sleep", arguments: ["sleep", "1000"], descriptors: []), own: own,
            settings: LauncherPool.Settings(launchers: 1))
        let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
        pool.close(OwnedDescriptor(adopting: file))
        let program = SpawnPlan(path: "/bin/true", arguments: ["true"], descriptors: [.null, .null, .null])
        pool.spawn(program, passing: []) { _ in Issue.record("this launcher answers nothing") }
        #expect(own.oldestMark == nil)
        // Who closes it is collected.
        var isBegun = false
        var outcome: SpawnOutcome?
        try loop.run {
            instances.reapAll()
            guard !pool.isClosing, !isBegun else { return outcome != nil }
            isBegun = true
            pool.spawn(program, passing: []) { outcome = $0 }
            return false
        }
        guard case .running(let pid) = outcome else { throw TestFailure("\(String(describing: outcome))") }
        waitpid(pid, nil, 0)
        pool.stop()
    }

    @Test("regression: a launcher's last answer counts though it died with jobs unread: none is done twice")
    func lastAnswer() throws {
        let directory = try TemporaryDirectory()
        let loop = try EventLoop()
        let plan = SpawnPlan(
            path: "/usr/bin/python3", arguments: ["python3", "-c", Self.shortLived, directory.path("jobs")],
            descriptors: [])
        let pool = try LauncherPool(
            loop: loop, instances: InstanceTable(loop: loop), plan: plan,
            settings: LauncherPool.Settings(launchers: 1, firstBackoff: .milliseconds(1)))
        var outcomes: [Int: SpawnOutcome] = [:]
        for job in 1...3 {
            pool.spawn(SpawnPlan(path: "/job-\(job)", arguments: ["x"], descriptors: []), passing: []) { outcome in
                #expect(outcomes.updateValue(outcome, forKey: job) == nil)
            }
        }
        try loop.run { outcomes.count == 3 }
        pool.stop()
        let began = try String(contentsOfFile: directory.path("jobs"), encoding: .utf8)
        #expect(began == "/job-1\n/job-2\n/job-3\n")
        for outcome in outcomes.values {
            guard case .running(let pid) = outcome else { throw TestFailure("\(outcome)") }
            waitpid(pid, nil, 0)
        }
    }
}
