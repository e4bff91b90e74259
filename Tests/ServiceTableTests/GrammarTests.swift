import Glibc
import LinuxSystem
import Testing

@testable import ServiceTable

@Suite("the grammar of a service")
struct GrammarTests {
    @Test("the examples of the documentation")
    func smallThings() throws {
        let loaded = load(
            """
            services:
              finger:                                # one process per connection: inetd's "nowait"
                listen: 79
                exec: [/usr/sbin/in.fingerd, -w]
                user: nobody

              tftp:
                listen: udp://0.0.0.0:69
                wait: true
                exec: [/usr/sbin/in.tftpd, --secure, /srv/tftp]

              app:
                listen: [8080, "unix:///run/app.sock"]
                handoff:
                  exec: [/usr/local/bin/app-handler]

              echo: {listen: [7, "udp://*:7"], internal: echo}
            """)
        #expect(loaded.faults.isEmpty)
        let services = try #require(loaded.table).services
        #expect(services.map(\.name) == ["finger", "tftp", "app", "echo"])
        #expect(
            services[0].dispatch
                == .exec(Program(path: "/usr/sbin/in.fingerd", arguments: ["/usr/sbin/in.fingerd", "-w"])))
        #expect(services[0].process.credentials?.user?.name == "nobody")
        #expect(services[1].wait)
        #expect(services[2].endpoints.count == 2)
        #expect(services[3].dispatch == .internal(.echo))
    }

    @Test("what is not said has its default")
    func defaults() throws {
        let plain = try service("{listen: 1, exec: /bin/cat}")
        var expected = Service(name: "s")
        expected.endpoints = [Endpoint(name: "s", kind: .tcp, address: .ipv6(.any, port: 1), anyFamily: true)]
        expected.dispatch = .exec(Program(path: "/bin/cat", arguments: ["/bin/cat"]))
        #expect(plain == expected)
        let handed = try service("{listen: 1, handoff: {}}")
        #expect(handed.dispatch == .handoff(Shared(Handoff())))
    }

    @Test("every key of the process")
    func process() throws {
        let read = try service(
            """
            {listen: 1, exec: [/bin/cat, ''], argv0: dog, user: root, group: 5, umask: 077, directory: /tmp,
             chroot: /srv/, nice: -5, env: {A: 1, B: '', C: true}, pass_env: [TZ, LANG],
             rlimits: {cpu: 30s, nofile: 64, as: unlimited, core: 0, stack: 8MiB},
             stderr: /var/log/s, runtime_limit: 1h30m, stop_signal: SIGINT, stop_grace: 100ms, on_stop: leave,
             style: ucspi, instances: unlimited, no_new_privileges: false, log_on: []}
            """)
        #expect(read.dispatch == .exec(Program(path: "/bin/cat", arguments: ["dog", ""])))
        #expect(read.style == .ucspi && read.instances == nil && read.onStop == .leave)
        let process = read.process
        #expect(process.credentials?.user?.uid == 0)
        #expect(process.credentials?.gid == 5)
        #expect(process.credentials?.groups == [5])
        #expect(process.umask == 0o77 && process.directory == "/tmp" && process.chroot == "/srv" && process.nice == -5)
        #expect(
            process.environment == [
                EnvironmentVariable(name: "A", value: "1"), EnvironmentVariable(name: "B", value: ""),
                EnvironmentVariable(name: "C", value: "true"),
            ])
        #expect(process.passEnvironment == ["TZ", "LANG"])
        #expect(
            process.resourceLimits == [
                ResourceLimit(resource: .nofile, value: 64), ResourceLimit(resource: .cpu, value: 30),
                ResourceLimit(resource: .as, value: nil), ResourceLimit(resource: .stack, value: 8 << 20),
                ResourceLimit(resource: .core, value: 0),
            ])
        #expect(process.standardError == .path("/var/log/s"))
        #expect(process.runtimeLimit == .seconds(5400) && process.stopGrace == .milliseconds(100))
        #expect(process.stopSignal == SIGINT)
    }

    @Test("every key of handoff")
    func handoff() throws {
        let read = try service(
            """
            {listen: 1, exec: /bin/false, handoff: {exec: /bin/cat -u, start: eager, handlers: 3, capacity: unlimited,
             balance: round_robin, register: {users: [0, root], groups: [7]}, queue: {size: unlimited, timeout: 2m},
             max_deliveries: unlimited, hold: done, drain: unlimited, heartbeat: {interval: 1s, timeout: 3s},
             unresponsive: wait, start_timeout: 1d, stop_grace: unlimited, idle_exit: 5m, pass_to: [s],
             restart: {policy: on_failure, backoff: {first: 1s, longest: 1m}, burst: 5, interval: 2m}}}
            """)
        var expected = Handoff(
            program: Program(path: "/bin/cat", arguments: ["/bin/cat", "-u"]),
            fallback: Program(path: "/bin/false", arguments: ["/bin/false"]), start: .eager,
            pool: Handoff.Pool(3), capacity: Int(UInt32.max), balance: .roundRobin,
            register: .only(users: [0, 0], groups: [7]), queueSize: nil, queueTimeout: .seconds(120),
            maxDeliveries: nil, hold: .done, drain: nil,
            heartbeat: Handoff.Heartbeat(interval: .seconds(1), timeout: .seconds(3)), unresponsive: .wait,
            startTimeout: .seconds(86400))
        expected.stopGrace = Kind<Duration>.endless
        expected.idleExit = .seconds(300)
        expected.passTo = ["s"]
        expected.restart = Handoff.Restart(
            policy: .onFailure, backoff: Backoff(first: .seconds(1), longest: .seconds(60)), burst: 5,
            interval: .seconds(120))
        #expect(read.dispatch == .handoff(Shared(expected)))
        let refused = try service("{listen: 1, exec: /bin/cat, handoff: {register: false, heartbeat: false}}")
        let closed = Handoff(
            fallback: Program(path: "/bin/cat", arguments: ["/bin/cat"]), register: .nobody, heartbeat: nil)
        #expect(refused.dispatch == .handoff(Shared(closed)))
    }

    @Test("regression: unlimited is a value of handlers.idle and heartbeat.timeout too")
    func unlimited() throws {
        let read = try service("{listen: 1, handoff: {handlers: {idle: unlimited}, heartbeat: {timeout: unlimited}}}")
        guard case .handoff(let settings) = read.dispatch else {
            Issue.record("no handoff")
            return
        }
        let handoff = settings.wrappedValue
        let endless = Kind<Duration>.endless
        #expect(handoff.pool.idle == endless && handoff.heartbeat?.timeout == endless)
    }

    @Test(
        "regression: a handoff whose handlers nobody may be is warned of",
        arguments: [
            ("register: false", true), ("register: {users: []}", true),
            ("register: {users: [\(CurrentProcess.overflowUID)]}", true),
            ("register: {users: [0, \(CurrentProcess.overflowUID)]}", false), ("register: {groups: [7]}", false),
            ("register: false, exec: [/bin/false]", false), ("capacity: 3", false),
        ])
    func nobodyRegisters(keys: String, isWarned: Bool) {
        let faults = load("services: {s: {listen: 1, handoff: {\(keys)}}}").faults.map(\.message)
        let warning = "nobody can serve it: it has no exec, and register lets nobody join"
        #expect(faults == (isWarned ? [warning] : []))
    }

    @Test(
        "regression: directories that are missing are warned of, where processes start or write there",
        arguments: [
            ("exec: /bin/cat, directory: /nowhere", true), ("exec: /bin/cat, stderr: /nowhere/log", true),
            ("handoff: {exec: /bin/cat}, directory: /nowhere", true), ("exec: /bin/cat, directory: /tmp", false),
            ("exec: /bin/cat, stderr: /tmp/log", false), ("exec: /bin/cat, stderr: /log", false),
            ("handoff: {}, directory: /nowhere", false),
        ])
    func missingDirectory(keys: String, isWarned: Bool) {
        let table = "services: {s: {listen: 1, \(keys)}}"
        let faults = ServiceTableReader.read(text: Array(table.utf8), name: "t", resolving: true).faults.map(\.message)
        let warning = "there is no directory /nowhere, and without it no process is started"
        #expect(faults == (isWarned ? [warning] : []))
    }

    @Test("regression: beside a fault no service is said to be out of reach: a route that is wrong may name it")
    func reachedByWhatIsWrong() {
        let loaded = load("services: {front: {listen: 1, route: {rules: [{sni: a, to: s, x: 1}]}}, s: {handoff: {}}}")
        #expect(loaded.table == nil && loaded.faults.allSatisfy { $0.severity == .error })
    }

    @Test(
        "the number of handlers: always so many, or between min and max",
        arguments: [
            ("4", Handoff.Pool(4)),
            ("{min: 2, max: 8, idle: 5s}", Handoff.Pool(least: 2, most: 8, idle: .seconds(5))),
            ("{max: 3}", Handoff.Pool(least: 1, most: 3)), ("{min: 0, max: 1}", Handoff.Pool(least: 0, most: 1)),
            ("{min: 2}", Handoff.Pool(least: 2, most: 16)), ("{min: 20}", Handoff.Pool(least: 20, most: 20)),
            ("{max: unlimited}", Handoff.Pool(least: 1, most: nil)),
        ])
    func handlers(text: String, expected: Handoff.Pool) throws {
        let read = try service("{listen: 1, handoff: {handlers: \(text), idle_exit: never}}")
        #expect(read.dispatch == .handoff(Shared(Handoff(pool: expected))))
    }

    @Test("the keys of the top")
    func top() throws {
        let table = try #require(
            load(
                """
                runtime_directory: /run/b
                supervisor_user: nobody
                log: {level: warning, format: text, to: /var/log/b}
                control: {group: 12}
                limits: {open_files: 5000, stop_timeout: 3s, instances: unlimited}
                services: {s: {listen: 1, internal: echo}}
                """
            ).table)
        #expect(table.runtimeDirectory == "/run/b")
        #expect(table.supervisorUser?.user?.name == "nobody")
        #expect(table.log == LogSettings(level: .warning, format: .text, path: "/var/log/b"))
        #expect(table.controlGroup == 12)
        #expect(table.limits == SupervisorLimits(instances: nil, openFiles: 5000, stopTimeout: .seconds(3)))
        #expect(table.file == "t")
    }

    @Test("trigger_limit, and what means no limit")
    func triggerLimit() throws {
        let read = try service(
            """
            {listen: udp://*:1, wait: true, exec: /bin/cat, per_source: unlimited, rate: unlimited, max_load: unlimited,
             trigger_limit: {burst: 2, interval: 5s, backoff: {longest: 1m}}, on_limit: wait}
            """)
        let backoff = Backoff(first: .seconds(1), longest: .seconds(60))
        #expect(read.triggerLimit == TriggerLimit(burst: 2, interval: .seconds(5), backoff: backoff))
    }

    @Test(
        "a string is split as a shell would, with quotes and backslash and nothing else",
        arguments: [
            ("a b  c", ["a", "b", "c"]), (#"a "b c" 'd "e'"#, ["a", "b c", #"d "e"#]),
            (#"a\ b "" ''"#, ["a b", "", ""]),
            (#"a"b"'c'\d"#, ["abcd"]), (#""a\"b\\c\d""#, [#"a"b\c\d"#]), (#"'a\b'"#, [#"a\b"#]),
            ("$HOME `x` ; |", ["$HOME", "`x`", ";", "|"]), (" \t\n", []),
        ])
    func split(text: String, words: [String]) throws {
        #expect(try CommandLine.split(text) == words)
    }

    /// By characters, a carriage return with a newline was a letter, and a quote before an accent none.
    @Test("words end where bytes say so, whatever a person sees as one character")
    func splitOfClusters() throws {
        #expect(try CommandLine.split("a\r\nb") == ["a", "b"])
        #expect(try CommandLine.split("'a b'\u{301}c") == ["a b\u{301}c"])
        #expect(throws: Hint.self) { try CommandLine.split("a '\u{301} b") }
    }

    @Test("a program without a slash is sought in PATH, or the table's own")
    func search() throws {
        let directory = try TemporaryDirectory()
        try directory.write("only-here", "#!/bin/sh\n", mode: 0o755)
        let found = try service("{listen: 1, exec: sh -c x}", resolving: true)
        guard case .exec(let program) = found.dispatch else { return #expect(Bool(false)) }
        #expect(program.path.hasSuffix("bin/sh") && program.arguments == ["sh", "-c", "x"])
        let own = try service("{listen: 1, exec: [only-here], env: {PATH: \(directory.path)}}", resolving: true)
        #expect(own.dispatch == .exec(Program(path: "\(directory.path)/only-here", arguments: ["only-here"])))
        let inside = try service("{listen: 1, exec: [/only-here], chroot: \(directory.path)}", resolving: true)
        #expect(inside.dispatch == .exec(Program(path: "/only-here", arguments: ["/only-here"])))
    }

    @Test("user alone brings its groups; a group given is the only one; a list is the list")
    func credentials() throws {
        func read(_ keys: String) throws -> Credentials? {
            try service("{listen: 1, exec: /bin/cat, \(keys)}", resolving: true).process.credentials
        }
        let root = try #require(Accounts.user(named: "root"))
        #expect(try read("nice: 0") == nil)
        #expect(try read("user: root") == Credentials(user: root, gid: 0, groups: Accounts.groups(of: "root", gid: 0)))
        #expect(try read("user: root, group: 7") == Credentials(user: root, gid: 7, groups: [7]))
        #expect(try read("user: 0, group: 7, groups: [8, 9]") == Credentials(user: root, gid: 7, groups: [8, 9]))
        #expect(
            try read("user: root, group: 7, groups: init")
                == Credentials(user: root, gid: 7, groups: Accounts.groups(of: "root", gid: 7)))
        #expect(try read("group: 7") == Credentials(user: nil, gid: 7, groups: [7]))
        #expect(try read("groups: [7]") == Credentials(user: nil, gid: getegid(), groups: [7]))
        let numeric = UserAccount(name: "4000001", uid: 4_000_001, gid: 7, home: "/", shell: "/bin/sh")
        #expect(try read("user: 4000001, group: 7") == Credentials(user: numeric, gid: 7, groups: [7]))
    }

    @Test("anchors and aliases are taken")
    func aliases() throws {
        let table = try #require(
            load(
                """
                services:
                  a: {listen: 1, exec: &cmd [/bin/cat, -u], env: &env {X: y}}
                  b: {listen: 2, exec: *cmd, env: *env}
                """
            ).table)
        #expect(table.services[0].dispatch == table.services[1].dispatch)
        #expect(table.services[1].process.environment == [EnvironmentVariable(name: "X", value: "y")])
    }

    @Test("a service without listen is warned of, unless something can reach it")
    func unreachable() {
        let loaded = load("services: {s: {handoff: {}}}")
        #expect(loaded.table != nil)
        #expect(
            loaded.faults.map(\.description) == [
                "t:1:12: warning: services.s: only baton pass reaches this service: it has no listen, and no route or pass_to names it"
            ])
    }

    @Test("a table in which every service is disabled is warned of")
    func disabled() {
        let loaded = load("services: {s: {listen: 1, internal: echo, enabled: false}}")
        #expect(loaded.table?.services.first?.enabled == false)
        #expect(loaded.faults.map(\.description) == ["t:1:11: warning: services: every service is disabled"])
    }
}
