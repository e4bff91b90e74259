import LinuxSystem
import Testing

@testable import ServiceTable

@Suite("cgroup, cpu_affinity, capabilities and what goes with them")
struct ProcessSettingFaultTests {
    private func settings(_ keys: String, resolving: Bool = false) throws -> ProcessSettings {
        try service("{listen: 1, exec: /bin/cat, \(keys)}", resolving: resolving).process
    }

    @Test("each becomes a number or a path that the kernel takes")
    func values() throws {
        let found = try settings(
            "oom_score_adjust: -500, cpu_affinity: [2-3, 0, 2], no_new_privileges: true, capabilities: [cap_chown, BPF]"
        )
        #expect(found.oomScoreAdjust == -500)
        #expect(found.processors == [0, 2, 3])
        #expect(found.noNewPrivileges)
        let chownAndBPF: UInt64 = 1 | 1 << 39
        #expect(found.capabilities == chownAndBPF)
        #expect(try settings("capabilities: []").capabilities == 0)
        #expect(try settings("nice: 0").capabilities == nil)
    }

    @Test("a cgroup is below the mount of the hierarchy, whether the path says so or not")
    func cgroup() throws {
        let mount = ControlGroups.mountPoint() ?? "/sys/fs/cgroup"
        for path in ["a/b", "/a/b", "//a/b/", mount + "/a/b"] {
            #expect(try settings("cgroup: \(path)").cgroup == mount + "/a/b", "\(path)")
        }
        #expect(try settings("cgroup: /").cgroup == mount)
    }

    @Test(
        "what is wrong is said, with what is allowed",
        arguments: [
            ("cpu_affinity: [3-1]", "expected a CPU's number, or a range such as 0-3, not \"3-1\""),
            ("cpu_affinity: [1-2-3]", "expected a CPU's number, or a range such as 0-3, not \"1-2-3\""),
            ("cpu_affinity: [4096]", "expected a CPU's number, or a range such as 0-3, not \"4096\""),
            ("cpu_affinity: []", "the list is empty"),
            ("capabilities: [CAP_FLY]", "there is no such capability"),
            ("capabilities: [CAP_NET_BINDSERVICE]", "there is no such capability; did you mean NET_BIND_SERVICE?"),
            ("cgroup: a/../b", "a cgroup's path has no . or .. in it, and names shorter than 256 bytes"),
            ("oom_score_adjust: 1001", "expected a number from -1000 to 1000, not \"1001\""),
            ("no_new_privileges: yes", "expected true or false, not \"yes\"; in YAML 1.2 yes is a string: write true"),
        ])
    func faults(key: String, message: String) {
        let found = serviceFaults("{listen: 1, exec: /bin/cat, \(key)}")
        #expect(found.count == 1)
        #expect(found.first?.hasSuffix(": " + message) == true, "\(found)")
    }

    @Test("a CPU that this machine does not have is a fault, unless names are not resolved")
    func missingProcessor() throws {
        let number = Processors.count
        let found = serviceFaults("{listen: 1, exec: /bin/cat, cpu_affinity: [\(number)]}", resolving: true)
        #expect(found.first?.contains("there is no CPU \(number) on this machine") == true, "\(found)")
        #expect(try settings("cpu_affinity: [\(number)]").processors == [number])
    }
}
