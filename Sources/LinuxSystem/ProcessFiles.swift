internal import Glibc
package import SystemPackage

/// What a process of our own user has open (proc(5)).
package struct ProcessFiles: Sendable {
    /// Descriptor number → what it is, such as `socket:[4711]`.
    package let targets: [Int32: String]

    private let pid: Int32

    /// Empty when the process is gone, or another user's.
    package init(of pid: Int32) {
        self.pid = pid
        var targets: [Int32: String] = [:]
        for name in (try? FileSystem.names(in: "/proc/\(pid)/fd")) ?? [] {
            guard let number = Int32(name), let target = FileSystem.target(of: "/proc/\(pid)/fd/\(name)") else {
                continue
            }
            targets[number] = target
        }
        self.targets = targets
    }

    /// The numbers of the descriptors for one file or socket, lowest first.
    package func numbers(of target: String) -> [Int32] {
        targets.filter { $0.value == target }.keys.sorted()
    }

    /// The lowest number that is not open: a process with RLIMIT_NOFILE lowered to it can open nothing.
    package var lowestFree: Int32 {
        var number: Int32 = 0
        while targets[number] != nil { number += 1 }
        return number
    }

    /// Whether a descriptor is closed when the process executes another program; nil when it is not open.
    package func closesOnExec(_ number: Int32) -> Bool? {
        guard let file = try? FileContents(path: "/proc/\(pid)/fdinfo/\(number)", most: 4096) else { return nil }
        let lines = String(decoding: file.bytes, as: UTF8.self).split(separator: "\n")
        guard let flags = lines.first(where: { $0.hasPrefix("flags:") }) else { return nil }
        let digits = flags.drop { !$0.isNumber }
        return Int32(digits, radix: 8).map { $0 & O_CLOEXEC != 0 }
    }

    /// How /proc names what a descriptor of our own stands for.
    package static func target(of descriptor: FileDescriptor) -> String? {
        CurrentProcess.path(of: descriptor)
    }
}

/// The processes of a session (setsid(2)).
package enum Session {
    /// All that have not ended, by number; those of a session that ended, none.
    package static func members(of session: Int32) -> [Int32] {
        ((try? FileSystem.names(in: "/proc")) ?? []).compactMap { Int32($0) }.filter { getsid($0) == session }.sorted()
    }
}
