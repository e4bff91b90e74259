internal import LinuxSystem

/// What the kernel gives a process by: `cgroup`, `cpu_affinity`, `capabilities`.
enum ProcessSettingKind {
    /// A path below the root of the v2 hierarchy, with or without where that is mounted; the value has it.
    static let cgroup = Kind<String>("the path of a cgroup such as /baton/web", .text) { cursor, expected in
        guard let text = cursor.node.text, !text.isEmpty else {
            cursor.unexpected(expected)
            return nil
        }
        guard let mount = ControlGroups.mountPoint() ?? (cursor.reading.resolving ? nil : "/sys/fs/cgroup") else {
            cursor.fault("no cgroup v2 hierarchy is mounted on this machine")
            return nil
        }
        let inside = text == mount || text.hasPrefix(mount + "/") ? text.dropFirst(mount.count) : text[...]
        let names = inside.split(separator: "/")
        guard names.allSatisfy({ $0 != "." && $0 != ".." && $0.utf8.count < 256 }), text.utf8.count < 3072 else {
            cursor.fault("a cgroup's path has no . or .. in it, and names shorter than 256 bytes")
            return nil
        }
        return names.isEmpty ? mount : mount + "/" + names.joined(separator: "/")
    }

    /// One CPU, or several in a row.
    private static let processorRange = Kind<ClosedRange<Int>>(
        "a CPU's number, or a range such as 0-3",
        .or(.number(0...Int64(SpawnLimit.mostProcessors) - 1), .string("[0-9]{1,4}(-[0-9]{1,4})?"))
    ) { cursor, expected in
        guard let text = cursor.node.text else {
            cursor.unexpected(expected)
            return nil
        }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { try? Decimal.read($0, as: Int.self) }
        guard (1...2).contains(parts.count), numbers.count == parts.count, let first = numbers.first,
            let last = numbers.last, 0 <= first, first <= last, last < SpawnLimit.mostProcessors
        else {
            cursor.unexpected(expected)
            return nil
        }
        if cursor.reading.resolving, last >= Processors.count {
            let range = Processors.count == 1 ? "only CPU 0" : "CPUs 0 to \(Processors.count - 1)"
            cursor.fault("there is no CPU \(last) on this machine, \(range)")
            return nil
        }
        return first...last
    }

    static let processors = Kind<[ClosedRange<Int>]>.list(of: processorRange, least: 1).map { ranges in
        Set(ranges.flatMap { Array($0) }).sorted()
    }

    /// In the kernel's order, which numbers them (capabilities(7), linux/capability.h).
    private static let capabilities = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]
    private static let numbers = Dictionary(uniqueKeysWithValues: zip(capabilities, capabilities.indices))

    private static let capability = Kind<Int>(
        "a capability such as CAP_NET_BIND_SERVICE",
        // In capital letters for those that offer them; any case is taken.
        .or(.words(capabilities.map { "CAP_" + $0 }), .string("[A-Za-z_]+"))
    ) { cursor, expected in
        guard let text = cursor.node.text, !text.isEmpty else {
            cursor.unexpected(expected)
            return nil
        }
        let upper = text.uppercased()
        let name = upper.hasPrefix("CAP_") ? String(upper.dropFirst(4)) : upper
        if let number = numbers[name] { return number }
        cursor.fault("there is no such capability" + Words.nearest(to: name, among: capabilities))
        return nil
    }

    /// The bounding set: bit n is capability n.
    static let boundingSet = Kind<[Int]>.list(of: capability).map { numbers -> UInt64? in
        numbers.reduce(0) { $0 | 1 << UInt64($1) }
    }
}
