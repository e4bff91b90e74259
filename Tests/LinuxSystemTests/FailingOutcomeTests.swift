import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Functions that do not throw have an answer for a call that fails.
@Suite struct FailingOutcomeTests {
    @Test("what a socket does not tell is not known")
    func identity() throws {
        let found = try withFailing(["getsockopt"], ENOMEM) { () -> [Bool] in
            let pair = try Socket.pair(.stream)
            let socket = pair.ours.borrowed
            let hasPeer = if Socket.peerProcess(of: socket) != nil { true } else { false }
            let answers = [
                Socket.cookie(of: socket) == nil, Socket.kind(of: socket) == nil,
                Socket.peerOfConnection(socket) == nil, !Socket.isDatagramPair(socket),
                !Socket.mayBlockInClose(socket), !hasPeer,
            ]
            _ = consume pair
            return answers
        }
        #expect(found == [true, true, true, true, true, true])
    }

    @Test("a connection whose traffic cannot be told is not untouched", arguments: ["getsockopt", "ioctl"])
    func traffic(_ call: String) throws {
        let listener = try TestSocket.bound()
        try listener.listen()
        let client = try TestSocket.tcp(port: listener.localPort)
        let number = client.descriptor
        #expect(StreamTraffic(of: FileDescriptor(rawValue: number)) == .untouched)
        let isKnown = try withFailing([call], EINVAL) { () -> Bool in
            let socket = FileDescriptor(rawValue: number)
            return StreamTraffic(of: socket) != nil || StreamTraffic.untouched.isUnchanged(on: socket)
        }
        #expect(!isKnown)
    }

    @Test("a datagram that cannot be looked at is none")
    func peek() throws {
        let isThere = try withFailing(["recvfrom"], EAGAIN) { () -> Bool in
            let pair = try Socket.pair(.datagram)
            let isThere = PeekedDatagram(first: pair.ours.borrowed) != nil
            _ = consume pair
            return isThere
        }
        #expect(!isThere)
    }

    @Test("news that were dropped are news; those that cannot be read are none", arguments: [ENOBUFS, EAGAIN, ENOMEM])
    func news(_ error: Int32) throws {
        let hasNew = try withFailing(["recvfrom"], error) { try AddressNews().haveNew() }
        #expect(hasNew == (error == ENOBUFS))
    }

    @Test("a child that cannot be collected or signalled is none")
    func child() throws {
        let found = try withFailing(["wait4", "kill"], EPERM) { () -> [Bool] in
            [
                ChildProcess.reap() == nil, ChildProcess.signal(getpid(), SIGURG),
                ChildProcess.signalGroup(getpid(), SIGURG),
            ]
        }
        #expect(found == [true, false, false])
    }

    @Test("a signal that cannot be read comes later", arguments: [EAGAIN, EIO])
    func signal(_ error: Int32) throws {
        let isNone = try withFailing(["read"], error) { try SignalDescriptor([SIGUSR1]).next() == nil }
        #expect(isNone)
    }

    @Test("a write that would wait takes nothing, a full disk costs the line, and else writing is over")
    func write() throws {
        func written(_ error: Int32) throws -> Int? {
            try withFailing(["write"], error) { () -> Int? in
                let file = try OwnedDescriptor.appending(to: "/dev/null")
                let count = file.borrowed.writeOnce([1, 2, 3], from: 0, to: 3)
                _ = consume file
                return count
            }
        }
        #expect(try written(EAGAIN) == 0)
        #expect(try written(ENOSPC) == 3)
        #expect(try written(EIO) == nil && written(EPIPE) == nil)
    }

    @Test("an interrupted wait is one without events")
    func interrupted() throws {
        let counts = try withFailing(["epoll_wait", "epoll_pwait", "poll", "ppoll"], EINTR) { () -> [Int] in
            var epoll = try Epoll()
            let pair = try Socket.pair(.stream)
            let isReady = try Poll.wait(for: pair.ours.borrowed, .readable, within: .zero)
            _ = consume pair
            return [try epoll.wait(timeout: .zero), isReady ? 1 : 0]
        }
        #expect(counts == [0, 0])
    }

    @Test("where there can be no child, what was to be closed stays in its box", arguments: ["pipe2", "clone"])
    func closing(_ call: String) throws {
        let found = try withFailing([call], EAGAIN) { () -> [Bool] in
            let pair = try Socket.pair(.stream)
            let other = try Socket.pair(.stream)
            let (box, otherBox) = (DescriptorBox(pair.ours), DescriptorBox(other.ours))
            let file = call == "pipe2" ? nil : Spawn.closeInChild([otherBox])
            return [Spawn.closeByExit([box]) == nil, box.borrowed != nil, file == nil, otherBox.borrowed != nil]
        }
        #expect(found == [true, true, true, true])
    }

    @Test("what stands at a path that cannot be asked for is nothing")
    func path() throws {
        let found = try withFailing(["newfstatat", "readlink", "readlinkat"], EACCES) { () -> [Bool] in
            [
                FileSystem.entry(at: "/etc") == nil, FileSystem.isSocket("/etc"), FileSystem.isLink("/etc"),
                FileSystem.target(of: "/proc/self/exe") == nil,
            ]
        }
        #expect(found == [true, false, false, true])
    }

    /// The step that each of them belongs to.
    private static let steps: [(call: String, error: Int32, stage: SpawnStage)] = [
        ("clone", EAGAIN, .clone), ("clone", ENOMEM, .clone), ("setsid", EPERM, .setsid),
        ("setpriority", EACCES, .nice), ("sched_setaffinity", EINVAL, .cpuAffinity), ("dup3", EMFILE, .descriptors),
        ("close_range", EMFILE, .descriptors), ("prlimit64", EPERM, .rlimits), ("chroot", EPERM, .chroot),
        ("chdir", EACCES, .directory), ("chdir", ENOMEM, .directory), ("capset", EPERM, .capabilities),
        ("setgroups", ENOMEM, .groups), ("setresgid", EPERM, .gid), ("setresuid", EAGAIN, .uid),
        ("prctl", EINVAL, .noNewPrivileges), ("execve", EAGAIN, .exec), ("execve", ENOMEM, .exec),
        ("execve", ETXTBSY, .exec),
    ]

    @Test("each step of a spawn that fails says so, and its child is collected", arguments: steps)
    func spawn(_ step: (call: String, error: Int32, stage: SpawnStage)) throws {
        let outcome = try withFailing([step.call], step.error) { () -> SpawnOutcome in
            let pair = try Socket.pair(.stream)
            var plan = SpawnPlan.cat
            plan.nice = 1
            plan.processors = [0]
            plan.resourceLimits = [.init(resource: 7, soft: 64, hard: 64)]
            plan.chroot = "/"
            plan.identity = .init(uid: 65534, gid: 65534, groups: [65534])
            if step.stage == .capabilities { plan.capabilities = 0 }
            plan.noNewPrivileges = step.stage == .noNewPrivileges
            return Spawn.start(plan, passing: [pair.theirs.borrowed], report: try SpawnReportPage())
        }
        #expect(outcome == .failed(pid: nil, stage: step.stage, error: Errno(rawValue: step.error)))
    }
}
