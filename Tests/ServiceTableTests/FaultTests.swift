import Testing

@testable import ServiceTable

@Suite("faults of one service")
struct ServiceFaultTests {
    @Test(
        "a value that cannot be",
        arguments: [
            // Scalars. `s: {listen: 1, exec: /bin/cat, ` ends in column 45.
            (
                "wait: yes",
                "services.s.wait: expected true or false, not \"yes\"; in YAML 1.2 yes is a string: write true"
            ),
            (
                "enabled: off",
                "services.s.enabled: expected true or false, not \"off\"; in YAML 1.2 off is a string: write false"
            ),
            ("enabled: \"true\"", "services.s.enabled: expected true or false, not \"true\"; without quotes"),
            ("enabled: [true]", "services.s.enabled: expected true or false, not a list"),
            ("style: inet", "services.s.style: expected inetd, systemd or ucspi, not \"inet\"; did you mean inetd?"),
            ("style: {}", "services.s.style: expected inetd, systemd or ucspi, not a mapping"),
            (
                "stop_grace: 5",
                "services.s.stop_grace: expected a duration such as 100ms, 5s, 2m or 1h30m, or unlimited, not \"5\"; a unit is missing: ms, s, m, h or d"
            ),
            (
                "stop_grace: 5x",
                "services.s.stop_grace: expected a duration such as 100ms, 5s, 2m or 1h30m, or unlimited, not \"5x\""
            ),
            (
                "stop_grace: 1s1m",
                "services.s.stop_grace: expected a duration such as 100ms, 5s, 2m or 1h30m, or unlimited, not \"1s1m\"; the largest unit comes first, each once"
            ),
            (
                "stop_grace: 99999999999999999999s",
                "services.s.stop_grace: expected a duration such as 100ms, 5s, 2m or 1h30m, or unlimited, not \"99999999999999999999s\""
            ),
            (
                "stop_grace: 9999999999999999s",
                "services.s.stop_grace: expected a duration such as 100ms, 5s, 2m or 1h30m, or unlimited, not \"9999999999999999s\"; at most 36600d"
            ),
            (
                "runtime_limit: 0s",
                "services.s.runtime_limit: expected a duration such as 100ms, 5s, 2m or 1h30m, or unlimited, not \"0s\"; it must be more than 0"
            ),
            ("instances: 0", "services.s.instances: expected a number from 1 to 10000000, or unlimited, not \"0\""),
            (
                "instances: 010",
                "services.s.instances: expected a number from 1 to 10000000, or unlimited, not \"010\"; a number does not begin with 0"
            ),
            (
                "instances: \"5\"",
                "services.s.instances: expected a number from 1 to 10000000, or unlimited, not \"5\"; without quotes"
            ),
            ("instances: 1.5", "services.s.instances: expected a number from 1 to 10000000, or unlimited, not \"1.5\""),
            ("umask: 888", "services.s.umask: expected octal digits up to 777, such as 022, not \"888\""),
            ("umask: 0o22", "services.s.umask: expected octal digits up to 777, such as 022, not \"0o22\""),
            ("umask: 1000", "services.s.umask: expected octal digits up to 777, such as 022, not \"1000\""),
            ("directory: tmp", "services.s.directory: expected an absolute path, not \"tmp\""),
            ("chroot: tmp", "services.s.chroot: expected an absolute path, not \"tmp\""),
            (
                "stderr: log.txt",
                "services.s.stderr: expected log, connection, null or an absolute path, not \"log.txt\""
            ),
            ("nice: 20", "services.s.nice: expected a number from -20 to 19, not \"20\""),
            (
                "stop_signal: TREM",
                "services.s.stop_signal: expected a signal such as TERM, SIGTERM or 15, not \"TREM\""
            ),
            ("stop_signal: 65", "services.s.stop_signal: expected a signal such as TERM, SIGTERM or 15, not \"65\""),
            ("user: 4294967295", "services.s.user: 4294967295 is out of range; a uid or gid is 0 to 4294967294"),
            ("user: 4294967296", "services.s.user: 4294967296 is out of range; a uid or gid is 0 to 4294967294"),
            ("user: -1", "services.s.user: -1 is out of range; a uid or gid is 0 to 4294967294"),
            ("user: no-such-user", "services.s.user: there is no user \"no-such-user\" on this machine"),
            ("group: no-such-group", "services.s.group: there is no group \"no-such-group\" on this machine"),
            (
                "user: 4000001",
                "services.s.user: user 4000001 has no entry in the user database, so group must be given too"
            ),
            ("groups: init", "services.s.groups: init needs a user that is in the user database"),
            ("groups: root", "services.s.groups: expected a list, or init, not \"root\"; write [root]"),
            ("pass_env: TZ", "services.s.pass_env: expected a list, not \"TZ\"; write [TZ]"),
            ("env: [A=b]", "services.s.env: expected a mapping of names to values, not a list"),
            // Nested mappings.
            ("rlimits: {nofiles: 1}", "services.s.rlimits.nofiles: unknown key; did you mean nofile?"),
            (
                "rlimits: {as: 5QB}",
                "services.s.rlimits.as: expected a size such as 4096, 64KiB or 10MB, or unlimited, not \"5QB\"; units are KiB, MiB, GiB, TiB, KB, MB, GB and TB"
            ),
            ("rlimits: {cpu: 100ms}", "services.s.rlimits.cpu: CPU time is counted in whole seconds"),
            (
                "rlimits: 5",
                "services.s.rlimits: expected a mapping with nofile, nproc, cpu, as, data, stack, core, fsize or memlock, not \"5\""
            ),
            ("frobnicate: 1", "services.s.frobnicate: unknown key"),
            ("runtime_limt: 1s", "services.s.runtime_limt: unknown key; did you mean runtime_limit?"),
            ("source_prefix: {ipv4: 33}", "services.s.source_prefix.ipv4: expected a number from 0 to 32, not \"33\""),
            // Combinations.
            (
                "stderr: connection, style: systemd",
                "services.s.stderr: connection goes with exec and style: inetd only; use log, null or a path"
            ),
            ("send_proxy: v3", "services.s.send_proxy: expected v1 or v2, not \"v3\"; did you mean v1?"),
        ])
    func value(key: String, message: String) throws {
        let found = serviceFaults("{listen: 1, exec: /bin/cat, \(key)}", resolving: true)
        let first = try #require(found.first)
        #expect(first.hasSuffix(": error: " + message))
        #expect(found.count == (key.hasPrefix("send_proxy") ? 2 : 1), "\(found)")
    }

    @Test(
        "who gets in, and how much: what is wrong is said",
        arguments: [
            ("only_from: [10.0.0.0/33]", "a prefix has at most 32 bits here"),
            ("only_from: [10.0.0.1/8]", "the address has bits behind its prefix of 8"),
            ("only_from: ['fe80::1/64']", "the address has bits behind its prefix of 64"),
            ("only_from: [10.0.0.9-10.0.0.1]", "the range ends before it begins"),
            ("only_from: [a b]", "not \"a b\""), ("access_times: 25:00-26:00", "not \"25:00-26:00\""),
            ("access_times: Foo 08:00-09:00", "not \"Foo 08:00-09:00\""), ("max_load: -1", "not \"-1\""),
            ("rate: 50/d", "not \"50/d\""), ("rate: {burst: 5}", "rate is missing"), ("on_rate: drop", "not \"drop\""),
            ("proxy_protocol: {version: v1}", "from is missing"),
            ("tcpmux: a b", "a tcpmux name is 1 to 255 printable ASCII characters without blanks"),
        ])
    func admission(key: String, ending: String) {
        let found = serviceFaults("{listen: 1, exec: /bin/cat, \(key)}")
        #expect(found.count == 1)
        #expect(found.first?.hasSuffix(ending) == true, "\(found)")
    }
}
