import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// The descriptor table of a spawned process.
@Suite struct SpawnDescriptorTests {
    @Test("only what the plan names is open, even if the parent has descriptors without close-on-exec")
    func strays() throws {
        let found = try withOwnDescriptors {
            let stray = try check("open") { open("/dev/zero", O_RDONLY) }
            try check("dup2") { dup2(stray, 900) }
            return try withCat { $0.descriptors(settlingAt: 3) }
        }
        #expect(Set(found.keys) == [0, 1, 2])
        #expect(found[2] == "/dev/null")
    }

    /// Sources by number against targets by position: swaps, cycles, repetitions, and sources that stay.
    @Test(
        "any permutation of low descriptors arrives as it was asked for",
        arguments: [
            [0, 1, 2], [1, 0, 2], [2, 0, 1], [1, 2, 0], [0, 0, 0], [5, 0, 0], [2, 2, 2], [5, 4, 3, 2, 1, 0],
            [1, 2, 3, 4, 5, 0], [3, 3, 4, 4, 5, 5], [0, 5, 1, 4, 2, 3, 3], [4, 1, 0, 3, 2, 5, 0, 1],
        ])
    func permutations(sources: [Int32]) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        let found = try withOwnDescriptors {
            for number: Int32 in 0...5 {
                let file = try check("open") { open(path + "/\(number)", O_RDWR | O_CREAT, 0o600) }
                // High first: the numbers 0 to 5 are the ones in the way.
                try check("dup2") { dup2(file, 100 + number) }
            }
            for number: Int32 in 0...5 {
                try check("dup2") { dup2(100 + number, number) }
                try check("fcntl") { fcntl(number, F_SETFD, FD_CLOEXEC) }
            }
            // Runs until it is killed.
            let plan = SpawnPlan(
                path: "/bin/sleep", arguments: ["sleep", "1000"], descriptors: sources.indices.map { .passed($0) })
            let outcome = Spawn.start(
                plan, passing: sources.map { .init(rawValue: $0) }, report: try SpawnReportPage())
            return try withProcess(outcome) { $0.descriptors(settlingAt: sources.count) }
        }
        for (target, source) in sources.enumerated() {
            #expect(found[Int32(target)] == "\(path)/\(source)", "descriptor \(target)")
        }
        #expect(found.count == sources.count)
    }

    @Test("/dev/null and a file take numbers that are targets themselves")
    func openedLow() throws {
        let directory = try TemporaryDirectory()
        let errors = directory.path("errors")
        let found = try withOwnDescriptors {
            let pair = try Socket.pair(.stream)
            // 0 to 2 are free: what the child opens lands there.
            for number: Int32 in 0...2 { close(number) }
            let plan = SpawnPlan(
                path: "/bin/cat", arguments: ["cat", "-", "/dev/fd/3"],
                descriptors: [.passed(0), .file(errors), .null, .null, .file(errors)])
            let outcome = Spawn.start(plan, passing: [pair.theirs.borrowed], report: try SpawnReportPage())
            return try withProcess(outcome) { $0.descriptors(settlingAt: 5) }
        }
        #expect(found[0]?.hasPrefix("socket:") == true)
        #expect(found[1] == errors && found[4] == errors)
        #expect(found[2] == "/dev/null" && found[3] == "/dev/null")
        #expect(found.count == 5)
    }

    @Test("a file is appended to, and made for its owner alone")
    func file() throws {
        let directory = try TemporaryDirectory()
        for word in ["one", "two"] {
            let plan = SpawnPlan(
                path: "/bin/sh", arguments: ["sh", "-c", "echo \(word) >&2"],
                descriptors: [.null, .null, .file(directory.path("errors"))])
            let outcome = Spawn.start(plan, report: try SpawnReportPage())
            guard case .running(let pid) = outcome else { throw TestFailure("\(outcome)") }
            waitpid(pid, nil, 0)
        }
        #expect(try directory.read("errors") == "one\ntwo\n")
        var status = stat()
        try check("stat") { stat(directory.path("errors"), &status) }
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test("regression: a file that has another name elsewhere is not appended to, nor one behind a symbolic link")
    func links() throws {
        let directory = try TemporaryDirectory()
        try directory.write("precious", "precious")
        try check("link") { link(directory.path("precious"), directory.path("hard")) }
        try check("symlink") { symlink("precious", directory.path("soft")) }
        for (name, error) in [("hard", Errno.tooManyLinks), ("soft", .tooManySymbolicLinkLevels)] {
            let plan = SpawnPlan(
                path: "/bin/sh", arguments: ["sh", "-c", "echo >&2"],
                descriptors: [.null, .null, .file(directory.path(name))])
            #expect(
                Spawn.start(plan, report: try SpawnReportPage())
                    == .failed(pid: nil, stage: .stderr, error: error))
        }
        #expect(try directory.read("precious") == "precious")
    }

    @Test("200 spawns, good and failed, leave no descriptor and no zombie")
    func noLeaks() throws {
        let (before, after, outcomes) = try withOwnDescriptors {
            let report = try SpawnReportPage()
            let pair = try Socket.pair(.stream)
            let before = try ownDescriptors()
            let outcomes = (0..<200).map { round in
                let path = round % 4 == 3 ? "/nonexistent" : "/bin/true"
                let plan = SpawnPlan(path: path, arguments: ["true"], descriptors: [.passed(0), .null, .null])
                return Spawn.start(plan, passing: [pair.theirs.borrowed], report: report)
            }
            return (before, try ownDescriptors(), outcomes)
        }
        #expect(before == after)
        for (round, outcome) in outcomes.enumerated() {
            switch outcome {
            case .running(let pid):
                var status: Int32 = 0
                #expect(waitpid(pid, &status, 0) == pid && status == 0)
            case .failed:
                // No pid: a failed child is collected already.
                #expect(round % 4 == 3)
                #expect(outcome == .failed(pid: nil, stage: .exec, error: .noSuchFileOrDirectory))
            }
        }
        // Other tests of this process have children of their own; 50 of these failed.
        #expect(eventually { ProcessView.own.children.count { $0.state == "Z" } < 50 })
    }
}
