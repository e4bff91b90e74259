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
