import Foundation

extension ProcessView {
    /// The path in the v2 hierarchy (cgroups(7)), from its root on.
    package var cgroup: String? {
        contents(of: "cgroup")?.split(separator: "\n").first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
    }

    package var oomScoreAdjust: Int? {
        contents(of: "oom_score_adj").flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    /// One of the sets in /proc/PID/status, such as `CapBnd`; bit n is capability n.
    package func capabilities(_ set: String) -> UInt64? {
        status(set).flatMap { UInt64($0, radix: 16) }
    }

    /// CAP_SYS_RESOURCE, which root in a container may lack.
    package var mayLowerOOMScore: Bool { capabilities("CapEff").map { $0 >> 24 & 1 == 1 } ?? false }

    /// There is a v2 hierarchy in which the test may make groups.
    package static var hasCgroups: Bool { TemporaryCgroup.mount.map { access($0, W_OK) == 0 } ?? false }
}

/// A cgroup that goes with its owner, and the groups below it.
package final class TemporaryCgroup {
    /// Where the v2 hierarchy is mounted.
    package static var mount: String? {
        let mounts = try? String(decoding: Data(contentsOf: URL(fileURLWithPath: "/proc/self/mounts")), as: UTF8.self)
        return mounts?.split(separator: "\n").map { $0.split(separator: " ") }.first { $0[2] == "cgroup2" }
            .map { String($0[1]) }
    }

    /// From the hierarchy's root on.
    package let name = "/baton-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    package let path: String

    package init() throws {
        guard let mount = Self.mount else { throw TestFailure("no cgroup v2 hierarchy") }
        path = mount + name
        try check("mkdir") { mkdir(path, 0o755) }
    }

    /// Makes a group `threaded` below, of that type.
    package func makeThreaded() throws {
        try check("mkdir") { mkdir(path + "/threaded", 0o755) }
        let file = try check("open") { open(path + "/threaded/cgroup.type", O_WRONLY | O_CLOEXEC) }
        defer { close(file) }
        try check("write") { Int32(write(file, "threaded", 8)) }
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            var status = stat()
            if lstat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFDIR { remove("\(path)/\(name)") }
        }
        // Processes that were killed a moment ago are still in it.
        _ = eventually(within: Deadline(seconds: 5)) { rmdir(path) == 0 || errno == ENOENT }
    }
}
