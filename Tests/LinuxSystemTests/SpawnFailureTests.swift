import Foundation
import LinuxSystem
import TestSupport
import Testing

/// Each step that can fail says so, with its errno.
@Suite struct SpawnFailureTests {
    private func outcome(_ plan: SpawnPlan) throws -> SpawnOutcome {
        let pair = try Socket.pair(.stream)
        let outcome = Spawn.start(plan, passing: [pair.theirs.borrowed], report: try SpawnReportPage())
        if case .running(let pid) = outcome {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        return outcome
    }

    @Test("a plan that cannot be carried out fails before the clone")
    func prepare() throws {
        let invalid = SpawnOutcome.failed(pid: nil, stage: .prepare, error: .invalidArgument)
        let tooLong = SpawnOutcome.failed(pid: nil, stage: .prepare, error: .argListTooLong)
        #expect(try outcome(.cat.with { $0.descriptors[2] = .passed(1) }) == invalid)
        #expect(try outcome(.cat.with { $0.descriptors[2] = .passed(-1) }) == invalid)
        #expect(try outcome(.cat.with { $0.descriptors[2] = .passed(Int.max) }) == invalid)
        #expect(try outcome(.cat.with { $0.path = "/bin/\0cat" }) == invalid)
        #expect(try outcome(.cat.with { $0.environment = ["A=\0"] }) == invalid)
        #expect(try outcome(.cat.with { $0.arguments = [String(repeating: "a", count: 1 << 20)] }) == tooLong)
        #expect(try outcome(.cat.with { $0.arguments = Array(repeating: "abc", count: 1 << 16) }) == tooLong)
        #expect(try outcome(.cat.with { $0.descriptors = Array(repeating: .null, count: 2000) }) == tooLong)
    }

    @Test("a file that cannot be opened, or is a symlink, is stage stderr")
    func stderr() throws {
        let directory = try TemporaryDirectory()
        try check("symlink") { symlink("/etc/passwd", directory.path("link")) }
        #expect(
            try outcome(.cat.with { $0.descriptors[2] = .file("/nonexistent/errors") })
                == .failed(pid: nil, stage: .stderr, error: .noSuchFileOrDirectory))
        #expect(
            try outcome(.cat.with { $0.descriptors[2] = .file(directory.path("link")) })
                == .failed(pid: nil, stage: .stderr, error: .tooManySymbolicLinkLevels))
    }

    @Test("a passed number that is not open is stage descriptors")
    func descriptors() throws {
        let outcome = try withOwnDescriptors {
            Spawn.start(.cat, passing: [.init(rawValue: 500)], report: try SpawnReportPage())
        }
        #expect(outcome == .failed(pid: nil, stage: .descriptors, error: .badFileDescriptor))
    }

    @Test("impossible limits, roots and directories name their stage")
    func places() throws {
        let limit = SpawnPlan.ResourceLimit(resource: Int32(RLIMIT_CORE.rawValue), soft: 1, hard: 0)
        #expect(
            try outcome(.cat.with { $0.resourceLimits = [limit] })
                == .failed(pid: nil, stage: .rlimits, error: .invalidArgument))
        #expect(
            try outcome(.cat.with { $0.directory = "/nonexistent" })
                == .failed(pid: nil, stage: .directory, error: .noSuchFileOrDirectory))
        #expect(
            try outcome(.cat.with { $0.directory = "/etc/passwd" })
                == .failed(pid: nil, stage: .directory, error: .notDirectory))
        let root = try outcome(.cat.with { $0.chroot = "/nonexistent" })
        #expect(root == .failed(pid: nil, stage: .chroot, error: .noSuchFileOrDirectory))
    }

    @Test("an id that the kernel takes for \u{201c}leave it\u{201d} is refused", .enabled(if: geteuid() == 0))
    func identity() throws {
        let none = UInt32.max
        #expect(
            try outcome(.cat.with { $0.identity = .init(uid: 1, gid: 1, groups: [none]) })
                == .failed(pid: nil, stage: .groups, error: .invalidArgument))
        #expect(
            try outcome(.cat.with { $0.identity = .init(uid: 1, gid: none, groups: []) })
                == .failed(pid: nil, stage: .gid, error: .invalidArgument))
        #expect(
            try outcome(.cat.with { $0.identity = .init(uid: none, gid: 1, groups: []) })
                == .failed(pid: nil, stage: .uid, error: .invalidArgument))
    }

    @Test("who has no right to another identity, or to a better nice, is told", .enabled(if: geteuid() != 0))
    func unprivileged() throws {
        let stage = try outcome(.cat.with { $0.identity = .init(uid: 0, gid: getgid(), groups: [12345]) })
        #expect(stage == .failed(pid: nil, stage: .groups, error: .notPermitted))
        let nice = try outcome(.cat.with { $0.nice = -20 })
        #expect(nice == .failed(pid: nil, stage: .nice, error: .permissionDenied))
    }

    @Test("a program that cannot be executed is stage exec")
    func exec() throws {
        let directory = try TemporaryDirectory()
        let text = try directory.write("text", "no program", mode: 0o755)
        let locked = try directory.write("locked", "#!/bin/sh\n", mode: 0o644)
        func failure(_ path: String) throws -> SpawnOutcome { try outcome(.cat.with { $0.path = path }) }
        #expect(try failure("/nonexistent") == .failed(pid: nil, stage: .exec, error: .noSuchFileOrDirectory))
        #expect(try failure(locked) == .failed(pid: nil, stage: .exec, error: .permissionDenied))
        // ETXTBSY while a child of a test beside this one still holds the file as we wrote it.
        #expect(
            try eventually { try failure(text) == .failed(pid: nil, stage: .exec, error: .init(rawValue: ENOEXEC)) })
        // One string may have 128 KiB (execve(2), MAX_ARG_STRLEN).
        let long = try outcome(.cat.with { $0.arguments = ["cat", String(repeating: "a", count: 140_000)] })
        #expect(long == .failed(pid: nil, stage: .exec, error: .argListTooLong))
    }

    @Test("RLIMIT_NPROC shows as EAGAIN of exec, with a hint in the text", .enabled(if: geteuid() == 0))
    func processLimit() throws {
        let limit = SpawnPlan.ResourceLimit(resource: 6, soft: 0, hard: 0)  // RLIMIT_NPROC
        let identity = SpawnPlan.Identity(uid: 65533, gid: 65533, groups: [])
        // What counts is how many the user has at the moment of setuid.
        try withCat({ $0.identity = identity }) { _ in
            let second = try outcome(
                .cat.with {
                    $0.resourceLimits = [limit]
                    $0.identity = identity
                })
            #expect(second == .failed(pid: nil, stage: .exec, error: .resourceTemporarilyUnavailable))
            #expect(second.description.contains("RLIMIT_NPROC"))
        }
    }

    @Test("a child that hangs is seen with its stage, and can be killed")
    func hung() throws {
        let directory = try TemporaryDirectory()
        let fifo = directory.path("fifo")
        try check("mkfifo") { mkfifo(fifo, 0o600) }
        let watched = try SpawnReportPage.shareable()
        let number = try watched.borrowed.duplicate().release()
        let spawn = Box<SpawnOutcome>()
        let done = DispatchSemaphore(value: 0)
        Thread {
            let plan = SpawnPlan(
                path: "/bin/true", arguments: ["true"], descriptors: [.null, .null, .file(fifo)])
            if let report = try? SpawnReportPage(attaching: OwnedDescriptor(adopting: number)) {
                spawn.value = Spawn.start(plan, job: 17, report: report)
            }
            done.signal()
        }.start()
        #expect(eventually { watched.snapshot().stage == .stderr && watched.snapshot().job == 17 })
        let pid = try #require(watched.snapshot().pid)
        #expect(ProcessView(pid: pid).isAlive)
        #expect(watched.snapshot().error == nil)
        kill(pid, SIGKILL)
        #expect(done.wait(timeout: .now() + 20) == .success)
        #expect(spawn.value == .failed(pid: nil, stage: .stderr, error: .canceled))
        #expect(kill(pid, 0) == -1, "collected")
    }
}
