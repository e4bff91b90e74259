/// `LimitNOFILE=` and its kin.
struct SystemdLimit {
    /// Of `rlimits`.
    var key: String
    /// Nil: systemd would not take it.
    var value: DraftValue?
    /// Soft and hard differ.
    var isSplit = false

    private static let keys = [
        "LimitCPU": "cpu", "LimitFSIZE": "fsize", "LimitDATA": "data", "LimitSTACK": "stack", "LimitCORE": "core",
        "LimitNOFILE": "nofile", "LimitAS": "as", "LimitNPROC": "nproc", "LimitMEMLOCK": "memlock",
    ]

    /// Nil for limits that `rlimits` does not have.
    init?(_ name: String, _ text: String) {
        guard let key = Self.keys[name] else { return nil }
        self.key = key
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        let values = parts.map { Self.value(key, $0) }
        value = values.contains(nil) ? nil : values.first ?? nil
        isSplit = values.count == 2 && values[0] != values[1]
    }

    private static func value(_ key: String, _ text: String) -> DraftValue? {
        if text.trimmed == "infinity" { return .word("unlimited") }
        switch key {
        case "nofile", "nproc":
            guard let count = UnitValue.number(text.trimmed) else { return nil }
            return .number(min(count, UInt64(Int32.max)))
        case "cpu":
            guard case .microseconds(let length)? = UnitValue.span(text) else { return nil }
            // In whole seconds, as the kernel counts.
            return .word("\(max(1, (length + 999_999) / 1_000_000))s")
        default:
            guard let bytes = UnitValue.size(text) else { return nil }
            return bytes > UInt64(Int64.max) ? .word("unlimited") : .number(bytes)
        }
    }
}

/// capabilities(7).
enum Capability {
    static let names = [
        "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
        "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
        "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
        "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT",
        "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME",
        "SYS_TTY_CONFIG", "WAKE_ALARM",
    ].map { "CAP_" + $0 }
}

/// Signals by name (signal(7)).
enum Signal {
    static let names: Set = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
        "IO", "PWR", "SYS",
    ]
}
