import Foundation
import Importers
import ServiceTable
import TestSupport
import Testing

/// Units of systemd, directive by directive.
@Suite struct SystemdTests {
    /// A socket unit `x.socket` with `x.service` or `x@.service`.
    private func imported(_ socket: String, _ service: String = "ExecStart=/bin/x") throws -> Imported {
        let name = socket.contains("Accept=yes") ? "x@.service" : "x.service"
        return try Imported(.systemd, ("x.socket", "[Socket]\n\(socket)\n"), (name, "[Service]\n\(service)\n"))
    }

    static let sockets: [(socket: String, table: String)] = [
        ("ListenStream=80", "listen: {address: 80, name: x.socket}"),
        ("ListenStream=127.0.0.1:80", "listen: {address: \"127.0.0.1:80\", name: x.socket}"),
        ("ListenStream=[::1]:80", "listen: {address: \"tcp://[::1]:80\", name: x.socket}"),
        ("ListenStream=[fe80::1]:80%eth9", "listen: {address: \"tcp://[fe80::1%eth9]:80\", name: x.socket}"),
        ("ListenStream=80\nBindIPv6Only=ipv6-only", "listen: {address: \"tcp6://*:80\", name: x.socket}"),
        ("ListenDatagram=69", "listen: {address: \"udp://*:69\", name: x.socket}"),
        ("ListenStream=vsock::5", "listen: {address: \"vsock://*:5\", name: x.socket}"),
        ("ListenStream=@abstract", "listen: {address: \"@abstract\", name: x.socket}"),
        (
            "ListenStream=/run/x\nListenDatagram=/run/y\nListenSequentialPacket=@z\nSocketMode=600\nSocketUser=u",
            """
            listen:
                - address: /run/x
                  name: x.socket
                - address: unix+dgram:///run/y
                  name: x.socket
                - address: unix+seqpacket://@z
                  name: x.socket
              socket:
                mode: 0600
                owner: u
                remove_on_stop: false
            """
        ),
        // An empty one takes back those of every type; the order is that of the file.
        (
            "ListenStream=1\nListenFIFO=/f\nListenDatagram=2\nListenStream=\nListenDatagram=3\nListenStream=4",
            """
            listen:
                - address: udp://*:3
                  name: x.socket
                - address: 4
                  name: x.socket
            """
        ),
        (
            "ListenStream=80\nFileDescriptorName=web\nBacklog=5\nNoDelay=yes\nKeepAlive=true\nKeepAliveTimeSec=2min",
            """
            listen: {address: 80, name: web}
              socket:
                backlog: 5
                no_delay: true
                keep_alive: {idle: 120s}
            """
        ),
        (
            "ListenStream=80\nIPTOS=low-delay\nIPTTL=7\nMark=0x10\nPriority=3\nDeferAcceptSec=1min 5s\nSendBuffer=64K",
            """
            listen: {address: 80, name: x.socket}
              socket:
                tos: 16
                ttl: 7
                mark: 16
                priority: 3
                defer_accept: 65s
                send_buffer: 65536
            """
        ),
        (
            "ListenStream=80\nReusePort=yes\nFreeBind=yes\nTransparent=yes\nTCPCongestion=cubic\nBindToDevice=lo",
            """
            listen: {address: 80, name: x.socket}
              socket:
                reuse_port: true
                free_bind: true
                transparent: true
                congestion: cubic
                interface: lo
            """
        ),
    ]

    @Test("endpoints and options mean what they meant, and nothing is said about it", arguments: sockets)
    func readsSocket(_ unit: (socket: String, table: String)) throws {
        let imported = try imported(unit.socket)
        #expect(imported.services == "x:\n  \(unit.table)\n  exec: [/bin/x]\n  style: systemd\n  wait: true")
        #expect(imported.report.directives.allSatisfy { $0.fidelity == .exact }, "\(imported.remarks)")
        #expect(imported.report.outcome == .complete)
        #expect(imported.faults.isEmpty)
    }

    static let programs: [(service: String, table: String)] = [
        ("ExecStart=/bin/x -a 'b c' \"d\\x20e\" f\\tg %% $$", "exec: [/bin/x, -a, b c, d e, \"f\\tg\", \"%\", $]"),
        ("ExecStart=@/bin/x name a", "exec: [/bin/x, a]\n  argv0: name"),
        ("ExecStart=/bin/a\nExecStart=\nExecStart=/bin/b", "exec: [/bin/b]"),
        ("ExecStart=x a \\\n# between\n  b \\\n c", "exec: [x, a, b, c]"),
        ("ExecStart=:/bin/x $A ${B}", "exec: [/bin/x, $A, \"${B}\"]"),
        ("ExecStart=/bin/x \\; a", "exec: [/bin/x, ;, a]"),
        (
            "ExecStart=/bin/x %p %n %N %t %S %C %L %E %i.",
            "exec: [/bin/x, x, x@.service, x@, /run, /var/lib, /var/cache, /var/log, /etc, .]"
        ),
        ("ExecStart=/bin/x\nUser=u\nGroup=g", "exec: [/bin/x]\n  user: u\n  group: g\n  groups: init"),
        (
            "ExecStart=/bin/x\nNice=5\nUMask=027\nWorkingDirectory=/srv\nRootDirectory=/j",
            "exec: [/bin/x]\n  umask: 027\n  directory: /srv\n  chroot: /j\n  nice: 5"
        ),
        (
            "ExecStart=/bin/x\nEnvironment=A=1 \"B=x y\"\nEnvironment=A=2\nPassEnvironment=P Q\nUnsetEnvironment=Q",
            "exec: [/bin/x]\n  env: {A: \"2\", B: x y}\n  pass_env: [P]"
        ),
        (
            "ExecStart=/bin/x\nLimitNOFILE=100\nLimitCPU=1min\nLimitCORE=infinity\nLimitAS=1G",
            "exec: [/bin/x]\n  rlimits:\n    nofile: 100\n    cpu: 60s\n    core: unlimited\n    as: 1073741824"
        ),
        ("ExecStart=/bin/x\nStandardInput=socket", "exec: [/bin/x]\n  stderr: connection"),
        ("ExecStart=/bin/x\nStandardInput=socket\nStandardError=journal", "exec: [/bin/x]"),
        ("ExecStart=/bin/x\nStandardInput=socket\nStandardError=null", "exec: [/bin/x]\n  stderr: null"),
        ("ExecStart=/bin/x\nStandardError=append:/var/log/x", "exec: [/bin/x]\n  stderr: /var/log/x"),
        (
            "ExecStart=/bin/x\nRuntimeMaxSec=1h\nTimeoutStopSec=3\nKillSignal=SIGINT",
            "exec: [/bin/x]\n  runtime_limit: 1h\n  stop_signal: INT\n  stop_grace: 3s"
        ),
        ("ExecStart=/bin/x\nSendSIGKILL=no\nTimeoutStopSec=3", "exec: [/bin/x]\n  stop_grace: unlimited"),
        (
            "ExecStart=/bin/x\nOOMScoreAdjust=-5\nCPUAffinity=0 2-3\nNoNewPrivileges=yes\nCapabilityBoundingSet=CAP_KILL CAP_CHOWN",
            "exec: [/bin/x]\n  oom_score_adjust: -5\n  cpu_affinity: [0, 2-3]\n  no_new_privileges: true\n  capabilities: [CAP_CHOWN, CAP_KILL]"
        ),
        ("ExecStart=/bin/x\nCapabilityBoundingSet=", "exec: [/bin/x]\n  capabilities: []"),
        (
            "ExecStart=/bin/x\nIPAddressDeny=any\nIPAddressAllow=10.0.0.0/8 localhost",
            "exec: [/bin/x]\n  only_from: [10.0.0.0/8, 127.0.0.0/8, \"::1\"]"
        ),
        ("ExecStart=/bin/x\nPrivateTmp=no\nDynamicUser=false\nRestart=no", "exec: [/bin/x]"),
    ]

    @Test("what a service says becomes keys, in the order of the manual", arguments: programs)
    func readsService(_ unit: (service: String, table: String)) throws {
        let imported = try imported("ListenStream=80\nAccept=yes", unit.service)
        let limits = ["instances", "per_source", "on_limit", "listen", "style"]
        let lines = imported.services.split(separator: "\n").dropFirst().filter { line in
            !limits.contains { line.hasPrefix("  \($0):") }
        }
        #expect(lines.joined(separator: "\n") == "  " + unit.table)
        #expect(imported.faults.isEmpty)
    }

    @Test("Accept=yes: a process per connection, systemd's own limits, refusal")
    func accept() throws {
        let plain = try imported("ListenStream=80\nAccept=yes", "ExecStart=/bin/x\nStandardInput=socket")
        #expect(
            plain.services == """
                x:
                  listen: 80
                  exec: [/bin/x]
                  instances: 64
                  per_source: unlimited
                  on_limit: refuse
                  stderr: connection
                """)
        let limited = try imported(
            "ListenStream=80\nAccept=yes\nMaxConnections=3\nMaxConnectionsPerSource=2\nPollLimitBurst=5",
            "ExecStart=/bin/x")
        for line in ["instances: 3", "per_source: 2", "source_prefix: {ipv6: 128}", "rate: {rate: 150/min, burst: 5}"] {
            #expect(limited.services.contains(line), "\(line) in \(limited.services)")
        }
    }

    static let remarks: [(socket: String, service: String, kind: Fidelity.Kind, words: String)] = [
        ("ListenStream=80\nSymlinks=/run/y", "", .notExpressible, "symbolic links"),
        ("ListenStream=80\nPassCredentials=yes", "", .notExpressible, "setsockopt"),
        ("ListenStream=80\nExecStartPre=/bin/true", "", .notExpressible, "no commands run"),
        ("ListenStream=80\nTriggerLimitBurst=3", "", .approximated, "slows down"),
        ("ListenStream=80\nSocketMode=0600", "", .approximated, "no effect"),
        ("ListenStream=80\nIPTTL=900", "", .notExpressible, "1 to 255"),
        ("ListenStream=80\nNoDelay=perhaps", "", .approximated, "does not take the value"),
        ("ListenStream=80\nNonsense=1", "", .approximated, "no such directive"),
        ("ListenStream=80\nListenStream=localhost:1", "", .approximated, "no address that systemd takes"),
        ("ListenStream=80\nListenFIFO=/run/f", "", .notExpressible, "tcp, udp, Unix and vsock"),
        ("ListenStream=80\nIPAddressAllow=10.0.0.1", "", .notExpressible, "firewall"),
        ("ListenStream=80", "Type=forking", .notExpressible, "foreground"),
        ("ListenStream=80", "Type=notify", .approximated, "READY=1"),
        ("ListenStream=80", "PrivateTmp=yes", .notExpressible, "mount namespaces"),
        ("ListenStream=80", "DynamicUser=yes", .notExpressible, "nobody"),
        ("ListenStream=80", "LimitNOFILE=10:20", .approximated, "soft"),
        ("ListenStream=80", "LimitRTPRIO=10", .notExpressible, "rlimits has"),
        ("ListenStream=80", "StandardInput=tty", .notExpressible, "descriptor 0"),
        ("ListenStream=80", "EnvironmentFile=/nonexistent/x", .notExpressible, "would not start"),
        ("ListenStream=80", "MemoryMax=1G", .notExpressible, "control groups"),
        ("ListenStream=80", "Restart=always", .approximated, "next client"),
        ("ListenStream=80\nAccept=yes", "Environment=I=%i", .notExpressible, "BATON_CONNECTION"),
        ("ListenStream=80", "Environment=H=%H", .notExpressible, "no value here"),
    ]

    @Test("what differs is said at its line", arguments: remarks)
    func tells(_ row: (socket: String, service: String, kind: Fidelity.Kind, words: String)) throws {
        let imported = try imported(row.socket, "ExecStart=/bin/x\n\(row.service)")
        let told = imported.report.directives.filter { $0.fidelity != .exact }
        #expect(told.count == 1, "\(imported.remarks)")
        #expect(told.first?.fidelity.kind == row.kind)
        #expect(told.first?.fidelity.reason?.contains(row.words) == true, "\(imported.remarks)")
        #expect(imported.report.table.services.count == 1)
        #expect(imported.yaml.contains("# \(imported.directory.path)") || imported.yaml.contains("#   "))
        #expect(imported.faults.isEmpty)
    }

    static let lines: [(line: String, words: String)] = [
        ("/bin/x $REMOTE_ADDR", "Baton expands no variables"),
        ("/bin/x a ; /bin/y", "behind the semicolon"),
        ("-/bin/x", "every exit status"),
        ("|/bin/x", "without a shell"),
        ("/bin/x $NONE", "no value in the unit"),
        ("/bin/x \"open", "no command line"),
        ("bin/x", "no command line"),
        ("", "no ExecStart"),
    ]

    @Test("command lines that say more than a table can are told", arguments: lines)
    func readsCommand(_ row: (line: String, words: String)) throws {
        let imported = try imported("ListenStream=80", "ExecStart=\(row.line)")
        #expect((imported.report.warnings.joined(separator: "\n")).contains(row.words), "\(imported.report.warnings)")
    }

    @Test("$A is split at blanks, ${A} is not; files come over Environment=")
    func variables() throws {
        let directory = try TemporaryDirectory()
        try directory.write("env", "# c\nB='b 1'\nC=\"x \\\"y\\\"\" \nexport D=1\nA=over\\\nall\n;c\nbroken\n")
        try directory.write("x.socket", "[Socket]\nListenStream=80\nListenStream=81")
        try directory.write(
            "x.service",
            "[Service]\nEnvironment=A=a Z=\nEnvironmentFile=\(directory.path("env"))\nEnvironmentFile=-/nonexistent\n"
                + "ExecStart=/bin/x $A ${A}: $B ${B} ${C} $Z ${Z} $$A\n")
        let report = Importers.read(.systemd, paths: [directory.path("x.socket")], settings: ImportSettings())
        #expect(
            report.table.services.first?["exec"]
                == .texts(["/bin/x", "overall", "overall:", "b", "1", "b 1", "x \"y\"", "", "$A"]))
        #expect(report.outcome == .complete)
    }

    /// What the installed systemd itself says that it knows.
    private static let program = "/lib/systemd/systemd"

    @Test("each directive that systemd knows has a row", .enabled(if: FileManager.default.fileExists(atPath: program)))
    func rows() throws {
        let listing = try runProgram(Self.program, ["--dump-configuration-items"]).standardOutput
        let known = Set(Importers.table(of: .systemd).rows.map(\.name))
        var section = ""
        for line in listing.split(separator: "\n") {
            if line.hasPrefix("[") { section = String(line) }
            guard ["[Unit]", "[Service]", "[Socket]", "[Install]"].contains(section), let end = line.firstIndex(of: "=")
            else { continue }
            #expect(known.contains(String(line[..<end])), "\(section) \(line)")
        }
    }

    @Test("directives of newer systemds have a row too")
    func newer() {
        let known = Set(Importers.table(of: .systemd).rows.map(\.name))
        for name in [
            "PollLimitIntervalSec", "PollLimitBurst", "PassPIDFD", "AcceptFileDescriptors", "DeferTrigger",
            "DeferTriggerMaxSec", "PassFileDescriptorsToExec", "OpenFile", "ReloadSignal", "RestartMode", "PrivatePIDs",
            "UpheldBy", "WantsMountsFor", "MemoryKSM", "SetLoginEnvironment", "RootEphemeral", "NFTSet",
        ] {
            #expect(known.contains(name), "\(name)")
        }
    }

    @Test("units cut and altered anywhere neither crash the importer nor take long, and their table can be read")
    func mutations() throws {
        let directory = try TemporaryDirectory()
        let socket = Array(
            """
            [Unit]
            Description=é %i "x"
            [Socket]
            ListenStream=[::1]:80%lo
            ListenDatagram=/run/x
            SocketMode=0660
            KeepAliveTimeSec=5min 20s
            TriggerLimitBurst=5
            ReceiveBuffer=1.5M
            Accept=no

            """.utf8)
        let service = Array(
            """
            [Service]
            ExecStart=@/bin/x a "b c" 'd' \\x41\\u00e9 ${A} $A %n %% \\
               e
            Environment=A=1 "B=2 3"
            User=u
            LimitNOFILE=1K:infinity
            CapabilityBoundingSet=~CAP_KILL
            IPAddressAllow=10.0.0.0/8 ::1

            """.utf8)
        var state: UInt64 = 42
        func random(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(below))
        }
        let special = Array("=[]\n\\\"'%$;#@-:+!{}/.,0 \t\u{0}".utf8) + [0xff, 0xc3]
        for _ in 0..<300 {
            var both = [socket, service]
            for _ in 0..<(1 + random(4)) {
                let which = random(2)
                let place = random(both[which].count)
                switch random(4) {
                case 0: both[which].remove(at: place)
                case 1: both[which].insert(special[random(special.count)], at: place)
                case 2: both[which].replaceSubrange(place..., with: both[which][place...].prefix(random(20)))
                default: both[which][place] = special[random(special.count)]
                }
                if both[which].isEmpty { both[which] = [0x5b] }
            }
            try Data(both[0]).write(to: URL(fileURLWithPath: directory.path("x.socket")))
            for name in ["x.service", "x@.service"] {
                try Data(both[1]).write(to: URL(fileURLWithPath: directory.path(name)))
            }
            let report = Importers.read(
                .systemd, paths: [directory.path("x.socket")], settings: ImportSettings(resolving: false))
            let yaml = TableText(report.table).text
            guard !report.table.services.isEmpty else { continue }
            let faults = ServiceTableReader.read(text: Array(yaml.utf8), name: "t", resolving: false).faults
                .filter { $0.severity == .error }.map(\.description)
            #expect(faults.isEmpty, "\(faults)\n\(yaml)")
        }
    }
}
