internal import Glibc

/// Whose child a process is, and since when it lives (proc(5)).
package struct ProcessBirth: Sendable {
    package let parent: Int32
    /// Of its process group.
    package let group: Int32
    /// Since boot, suspension counted; up to a tick of 10 ms early.
    let time: Duration

    /// A process that has ended counts until it is collected. Nil when there is none of that number.
    package init?(of pid: Int32) {
        // The line has no end of its own: a process may put anything into its name but a NUL, 15 bytes at most.
        guard let file = try? FileContents(path: "/proc/\(pid)/stat", most: 4096) else { return nil }
        self.init(stat: file.bytes)
    }

    init?(stat: [UInt8]) {
        guard let nameEnd = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = stat[(nameEnd + 1)...].split(separator: UInt8(ascii: " "))
        // Counted from the state on, which is the third: the parent is the fourth, the time the 22nd.
        guard fields.count > 19, let parent = Int32(String(decoding: fields[1], as: UTF8.self)),
            let group = Int32(String(decoding: fields[2], as: UTF8.self)),
            let ticks = Int64(String(decoding: fields[19], as: UTF8.self)), ticks >= 0, ticks <= 1 << 48
        else { return nil }
        self.parent = parent
        self.group = group
        time = .milliseconds(ticks * 1000 / Int64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
    }

    /// The numbers of all processes.
    package static var all: [Int32] { ((try? FileSystem.names(in: "/proc")) ?? []).compactMap { Int32($0) } }

    /// Whether it lived already at `moment` by `Clock.now`: one that did not has the number of one that is gone.
    package func isBefore(_ moment: Duration) -> Bool {
        time <= moment + Clock.sinceBoot() - Clock.now()
    }
}
