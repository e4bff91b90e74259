import Foundation
import LinuxSystem
import TestSupport
import Testing

/// What the kernel gives a process by, and what it may: read back from /proc.
@Suite struct SpawnSettingTests {
    private func failure(_ adjust: (inout SpawnPlan) -> Void) throws -> SpawnOutcome {
        let pair = try Socket.pair(.stream)
        let outcome = Spawn.start(.cat.with(adjust), passing: [pair.theirs.borrowed], report: try SpawnReportPage())
        if case .running(let pid) = outcome {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        return outcome
    }

    @Test("a plan that says nothing of them leaves what the parent has")
    func untouched() throws {
        try withCat { cat in
            #expect(cat.oomScoreAdjust == ProcessView.own.oomScoreAdjust)
            #expect(cat.cgroup == ProcessView.own.cgroup)
            for key in ["Cpus_allowed", "CapBnd", "CapEff", "CapInh", "CapAmb", "NoNewPrivs"] {
                #expect(cat.status(key) == ProcessView.own.status(key), "\(key)")
            }
        }
    }

    @Test("oom_score_adj is the child's own, and not the parent's whose memory it shared", arguments: [0, 7, 1000])
    func oomScoreAdjust(value: Int) throws {
        let before = ProcessView.own.oomScoreAdjust
        try withCat({ $0.oomScoreAdjust = Int32(value) }) { #expect($0.oomScoreAdjust == value) }
        #expect(ProcessView.own.oomScoreAdjust == before)
    }

    @Test("a negative oom_score_adj is written with its sign", .enabled(if: ProcessView.own.mayLowerOOMScore))
    func negativeOOMScoreAdjust() throws {
        try withCat({ $0.oomScoreAdjust = -1000 }) { #expect($0.oomScoreAdjust == -1000) }
        let refused = try failure { $0.oomScoreAdjust = -1001 }
        #expect(refused == .failed(pid: nil, stage: .oomScoreAdjust, error: .invalidArgument))
    }

    @Test("the process runs on the CPUs of the plan, and fails where there is none of them")
    func processors() throws {
        try withCat({ $0.processors = [0] }) { #expect($0.status("Cpus_allowed_list") == "0") }
        // Those that do not exist are no harm beside one that does.
        try withCat({ $0.processors = [0, 3000] }) { #expect($0.status("Cpus_allowed_list") == "0") }
        let refused = try failure { $0.processors = [4000] }
        #expect(refused == .failed(pid: nil, stage: .cpuAffinity, error: .invalidArgument))
    }

    @Test("no_new_privileges is set, also for another user", arguments: [nil, 65534 as UInt32?])
    func noNewPrivileges(uid: UInt32?) throws {
        guard uid == nil || geteuid() == 0 else { return }
        try withCat({
            $0.noNewPrivileges = true
            $0.identity = uid.map { .init(uid: $0, gid: $0, groups: []) }
        }) { #expect($0.status("NoNewPrivs") == "1") }
    }

    @Test("root keeps exactly the bounding set's capabilities", .enabled(if: geteuid() == 0))
    func capabilitiesOfRoot() throws {
        let kept: UInt64 = 1 << 10 | 1 << 1  // CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE
        try withCat({ $0.capabilities = kept }) { cat in
            for key in ["CapBnd", "CapPrm", "CapEff"] { #expect(cat.capabilities(key) == kept, "\(key)") }
            #expect(cat.capabilities("CapInh").map { $0 & ~kept } == 0)
            #expect(cat.capabilities("CapAmb") == 0)
        }
        try withCat({ $0.capabilities = 0 }) { cat in
            for key in ["CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"] {
                #expect(cat.capabilities(key) == 0, "\(key)")
            }
        }
    }

    @Test("another user has no capability, and can gain those of the bounding set only", .enabled(if: geteuid() == 0))
    func capabilitiesOfOthers() throws {
        try withCat({
            $0.capabilities = 1 << 10
            $0.identity = .init(uid: 65534, gid: 65534, groups: [])
        }) { cat in
            #expect(cat.capabilities("CapBnd") == 1 << 10)
            for key in ["CapPrm", "CapEff", "CapInh", "CapAmb"] { #expect(cat.capabilities(key) == 0, "\(key)") }
        }
    }

    @Test("who may not drop capabilities is told", .enabled(if: geteuid() != 0))
    func capabilitiesWithoutRight() throws {
        let refused = try failure { $0.capabilities = 0 }
        #expect(refused == .failed(pid: nil, stage: .capabilities, error: .notPermitted))
    }

    @Test("the child is born into its cgroup, which is made where it is missing", .enabled(if: ProcessView.hasCgroups))
    func cgroup() throws {
        let group = try TemporaryCgroup()
        let before = ProcessView.own.cgroup
        for _ in 0..<2 {
            try withCat({ $0.cgroup = group.path + "/inner/most" }) { cat in
                #expect(cat.cgroup == group.name + "/inner/most")
            }
        }
        #expect(ProcessView.own.cgroup == before)
    }

    @Test("what the cgroup refuses is stage cgroup with the kernel's errno", .enabled(if: ProcessView.hasCgroups))
    func cgroupFailures() throws {
        let none = try failure { $0.cgroup = "/proc/self/nothing/here" }
        #expect(none == .failed(pid: nil, stage: .cgroup, error: .noSuchFileOrDirectory))
        let file = try failure { $0.cgroup = "/etc/passwd" }
        #expect(file == .failed(pid: nil, stage: .cgroup, error: .notDirectory))
        // A directory that is no cgroup: neither way leads into it.
        let directory = try TemporaryDirectory()
        let plain = try failure { $0.cgroup = directory.path("plain") }
        #expect(plain == .failed(pid: nil, stage: .cgroup, error: .noSuchFileOrDirectory))
        // A group below a threaded one is invalid until it is threaded too (cgroups(7)).
        let group = try TemporaryCgroup()
        try group.makeThreaded()
        let invalid = try failure { $0.cgroup = group.path + "/threaded/inner" }
        #expect(invalid == .failed(pid: nil, stage: .cgroup, error: .init(rawValue: EOPNOTSUPP)))
    }

    @Test("the mount of the hierarchy is found among others, with blanks in its name")
    func mountPoint() {
        let mounts = """
            cgroup /sys/fs/cgroup/cpu cgroup rw 0 0
            none /a\\040b\\134c cgroup2 rw,nosuid 0 0
            cgroup2 /second cgroup2 rw 0 0
            """
        #expect(ControlGroups.mountPoint(in: Array(mounts.utf8)) == "/a b\\c")
        #expect(ControlGroups.mountPoint(in: Array("x /y z".utf8)) == nil)
        #expect(ControlGroups.mountPoint(in: []) == nil)
    }
}
