@testable import ServiceTable

extension FuzzTarget {
    /// The text of a table.
    static let table = FuzzTarget("table", words: tableWords) { bytes throws(Finding) in
        guard !bytes.reachesOut else { return }
        let loaded = ServiceTableReader.read(text: bytes, name: "t", resolving: false)
        let failed = loaded.faults.contains { $0.severity == .error }
        try hold((loaded.table == nil) == failed, "a table and an error, or neither")
        let extent = Extent(bytes)
        for fault in loaded.faults {
            try hold(!fault.description.unicodeScalars.contains { $0.value < 0x20 }, "a control character in \(fault)")
            guard fault.file == "t" else { continue }
            try hold(extent.contains(line: fault.line, column: fault.column), "no such place: \(fault)")
        }
        try hold((try? LoadedTable(decoding: loaded.encoded())) == loaded, "another table after a round trip")
        guard let table = loaded.table else { return }
        try hold(ServiceTableDifference(from: table, to: table).isEmpty, "it differs from itself")
    }

    /// A table as the loader hands it to the supervisor.
    static let loadedTable = FuzzTarget("loaded-table", longest: 8192) { bytes throws(Finding) in
        guard let loaded = try? LoadedTable(decoding: bytes) else { return }
        try hold((try? LoadedTable(decoding: loaded.encoded())) == loaded, "another table after a round trip")
    }
}

extension FuzzTarget {
    private static let tableWords = """
        access_times alpn backlog backoff balance banner broadcast burst busy_reply capabilities capacity
        cgroup chroot congestion connections control count courier cpu_affinity default defaults
        defer_accept directory directory_mode drain enabled env exec first format free_bind from group
        groups handlers handoff heartbeat hold host http idle idle_exit instances interface internal
        interval keep_alive level limits listen log log_on longest mark match max max_bytes max_deliveries
        max_load method metrics min mode multicast name nice no_access no_delay no_new_privileges on_limit
        on_rate on_source_limit on_stop only_from only_groups only_users oom_score_adjust open_files others
        owner pass_env pass_to path per_source policy prefix priority program proxy_protocol queue rate
        rate_per_source receive_buffer redirect register remove_on_stop restart reuse_port rlimits route
        rules runtime_directory runtime_limit send_buffer send_proxy server_name services size socket
        source_prefix start start_timeout stderr stop_grace stop_signal stop_timeout style tcpmux timeout
        tls to tos transparent trigger_limit ttl umask unresponsive user users version wait unlimited
        127.0.0.1:80 [::1]:80 udp://*:7 unix:///a unix+dgram:///a vsock://*:5 1h30m 5/s 64KiB 10.0.0.0/8
        Mon-Fri 08:00-18:00 %TAG &a *a <<: |- >+ !!str
        """.split { $0 == " " || $0 == "\n" }.map { String($0) }
}

extension [UInt8] {
    /// It includes files of this machine, or runs `baton import`.
    var reachesOut: Bool { contains("include") && ["/", "~", "inetd", "systemd"].contains { contains($0) } }
}

/// Where things can be in a text. Its end is a line's, too.
private struct Extent {
    private var lines = 2
    private var columns = 1

    init(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars
        var column = 1
        for scalar in text {
            column += 1
            if scalar == "\n" || scalar == "\r" { (lines, column) = (lines + 1, 1) }
            columns = max(columns, column)
        }
    }

    /// 0 in both is the text as a whole.
    func contains(line: Int, column: Int) -> Bool {
        line == 0 && column == 0 || (1...lines).contains(line) && (1...columns).contains(column)
    }
}
