import Glibc
import TestSupport
import Testing

/// What the table says about a handler's process holds for it, seen from /proc.
@Suite struct ProcessSettingsTests {
    /// Connects, makes sure that `cat` runs, and answers the process.
    private func handler(of service: String, at supervisor: RunningSupervisor) throws -> (ProcessView, TestSocket) {
        let client = try TestSocket.tcp(port: supervisor.port(service))
        try client.send("x")
        _ = try client.receive(exactly: 1)
        return (try supervisor.onlyHandler(), client)
    }

    @Test("user, group and groups, umask, directory, nice, argv0 and rlimits are those of the table")
    func settingsHold() throws {
        guard geteuid() == 0 else { return }
        let table = """
            services:
              cat:
                listen: "127.0.0.1:0"
                exec: [/bin/cat, "-"]
                user: nobody
                group: daemon
                groups: [bin, sys]
                umask: 027
                directory: /usr
                nice: 5
                argv0: meow
                env: {LANG: C}
                rlimits: {nofile: 77, core: 0, fsize: 64MiB, cpu: 30s, nproc: 1000}
            """
        try withSupervisor(table) { supervisor in
            let (process, client) = try handler(of: "cat", at: supervisor)
            defer { client.close() }
            #expect(process.users == ["65534", "65534", "65534", "65534"])
            #expect(process.groups == ["1", "1", "1", "1"])
            #expect(process.supplementaryGroups.sorted() == ["2", "3"])
            #expect(process.status("Umask") == "0027")
            #expect(process.directory == "/usr")
            #expect(process.nice == 5)
            #expect(process.arguments == ["meow", "-"])
            #expect(process.limit("Max open files").map { [$0.soft, $0.hard] } == ["77", "77"])
            #expect(process.limit("Max core file size")?.hard == "0")
            #expect(process.limit("Max file size")?.soft == String(64 << 20))
            #expect(process.limit("Max cpu time")?.soft == "30")
            #expect(process.limit("Max processes")?.soft == "1000")
            #expect(process.environment["USER"] == "nobody")
            #expect(process.environment["LOGNAME"] == "nobody")
            #expect(process.environment["HOME"] != nil)
            #expect(process.environment["SHELL"] != nil)
        }
    }

    /// The supervisor may set no groups, as one that root did not start; it has those of `own`.
    private func groups(_ wanted: String, of own: String) throws -> (answer: String, log: String) {
        let directory = try TemporaryDirectory()
        let drop = "setpriv --groups=\(own) --bounding-set=-setgid,-setuid --inh-caps=-setgid,-setuid"
        let program = try directory.write(
            "baton", "#!/bin/sh\nexec \(drop) \(Repository.product("baton")) \"$@\"\n", mode: 0o755)
        let table = """
            services:
              id: {listen: "127.0.0.1:0", exec: [/usr/bin/id, -G], user: root, group: root, groups: \(wanted)}
            """
        let supervisor = try RunningSupervisor(table, in: directory, program: program)
        let answer = try TestSocket.tcp(port: supervisor.port("id")).receiveText()
        try supervisor.stop()
        return (answer, supervisor.log.text)
    }

    @Test("regression: a supervisor that may set no groups gives its own, the first among them or not, and no others")
    func ownGroups() throws {
        guard geteuid() == 0 else { return }
        #expect(try groups("[4, 24]", of: "0,24,4").answer == "0 4 24\n")
        #expect(try groups("[0, 4]", of: "4").answer == "0 4\n")
        for own in ["0", "4,24"] {
            let refused = try groups("[4]", of: own)
            #expect(refused.answer.isEmpty)
            #expect(refused.log.contains("groups: Operation not permitted"), "\(refused.log)")
        }
    }

    @Test("oom_score_adjust, cpu_affinity, capabilities, no_new_privileges and cgroup hold, for root and for a user")
    func confinement() throws {
        guard geteuid() == 0, ProcessView.hasCgroups else { return }
        let group = try TemporaryCgroup()
        let table = """
            defaults:
              oom_score_adjust: 321
              cpu_affinity: [0]
              capabilities: [CAP_NET_BIND_SERVICE, setuid]
              no_new_privileges: true
              cgroup: \(group.name)/handlers
            services:
              root: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              user: {listen: "127.0.0.1:0", exec: [/bin/cat], user: nobody, +capabilities: [CHOWN]}
            """
        try withSupervisor(table) { supervisor in
            for (service, bounds, effective) in [("root", 0x480, 0x480), ("user", 0x481, 0)] as [(_, UInt64, UInt64)] {
                let (process, client) = try handler(of: service, at: supervisor)
                #expect(process.oomScoreAdjust == 321)
                #expect(process.status("Cpus_allowed_list") == "0")
                #expect(process.capabilities("CapBnd") == bounds)
                #expect(process.capabilities("CapPrm") == effective)
                #expect(process.capabilities("CapEff") == effective)
                #expect(process.status("NoNewPrivs") == "1")
                #expect(process.cgroup == group.name + "/handlers")
                client.close()
                #expect(eventually { supervisor.handlers().isEmpty })
            }
        }
    }

    @Test("regression: oom_score_adjust is that of its service, and not of all that the same launcher starts")
    func oomScoreAdjust() throws {
        let table = """
            services:
              high: {listen: "127.0.0.1:0", exec: [/bin/cat], oom_score_adjust: 654}
              plain: {listen: "127.0.0.1:0", exec: [/bin/cat]}
            """
        try withSupervisor(table) { supervisor in
            for (service, expected) in [("high", 654), ("plain", ProcessView.own.oomScoreAdjust)] {
                let (process, client) = try handler(of: service, at: supervisor)
                #expect(process.oomScoreAdjust == expected, "\(service)")
                client.close()
                #expect(eventually { supervisor.handlers().isEmpty })
            }
        }
    }

    @Test("a cgroup that is gone and cannot be made again refuses the connection with its stage")
    func lostCgroup() throws {
        guard geteuid() == 0, let mount = TemporaryCgroup.mount else { return }
        let table = """
            services: {cat: {listen: "127.0.0.1:0", exec: [/bin/cat], cgroup: \(mount)/cgroup.procs/below}}
            """
        try withSupervisor(table) { supervisor throws in
            #expect(try TestSocket.tcp(port: supervisor.port("cat")).receiveToEnd().isEmpty)
            #expect(try supervisor.log.wait(for: "cat", "Not a directory").contains("cgroup"))
        }
    }

    @Test("by default: directory /, umask 022, a session of its own, no signal blocked, ignored or caught")
    func defaults() throws {
        try withSupervisor("services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat]}}") { supervisor in
            let (process, client) = try handler(of: "cat", at: supervisor)
            defer { client.close() }
            #expect(process.directory == "/")
            #expect(process.status("Umask") == "0022")
            #expect(process.session == process.pid)
            #expect(process.processGroup == process.pid)
            #expect(process.parent == supervisor.view.pid)
            #expect(process.status("SigBlk").flatMap { UInt64($0, radix: 16) } == 0)
            #expect(process.status("SigIgn").flatMap { UInt64($0, radix: 16) } == 0)
            #expect(process.arguments == ["/bin/cat"])
        }
    }

    @Test("a handler gets the limit on descriptors that the supervisor was started with")
    func originalDescriptorLimit() throws {
        _ = DescriptorLimit.raised
        let own = ProcessView.own.limit("Max open files").map { [$0.soft, $0.hard] }
        try withSupervisor("services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat]}}") { supervisor in
            let (process, client) = try handler(of: "cat", at: supervisor)
            defer { client.close() }
            #expect(process.limit("Max open files").map { [$0.soft, $0.hard] } == own)
        }
    }

    @Test("chroot: the handler's root is the directory, and its directory lies in it")
    func chroot() throws {
        guard geteuid() == 0 else { return }
        let directory = try TemporaryDirectory()
        try directory.write("root/etc/motd", "inside\n")
        // A static program needs nothing in the new root; busybox is one where Debian's busybox-static is, else its
        // libraries are copied.
        let copy = """
            set -e; cd \(directory.path("root")); mkdir -p bin; cp "$(command -v busybox)" bin/
            ldd bin/busybox | grep -o '/[^ ]*' | while read -r f; do mkdir -p ".${f%/*}"; cp -L "$f" ".$f"; done
            """
        guard try runProgram("/bin/sh", ["-c", copy]).status == .exited(0) else { throw TestFailure("no busybox") }
        let table = """
            services:
              jail:
                listen: "127.0.0.1:0"
                exec: [/bin/busybox, cat, motd]
                chroot: \(directory.path("root"))
                directory: /etc
            """
        try withSupervisor(table, in: directory) { supervisor throws in
            #expect(try TestSocket.tcp(port: supervisor.port("jail")).receiveText() == "inside\n")
        }
    }

    @Test("a string exec is split like a shell's words, without a shell")
    func stringExec() throws {
        let table = """
            services:
              words: {listen: "127.0.0.1:0", exec: "/usr/bin/printf '<%s>' 'a b' c\\\\ d \\"$HOME\\" '*'"}
            """
        try withSupervisor(table) { supervisor throws in
            #expect(try TestSocket.tcp(port: supervisor.port("words")).receiveText() == "<a b><c d><$HOME><*>")
        }
    }

    @Test("a handler whose step before exec fails is reported with stage and error, and its client is let go")
    func failedStep() throws {
        let directory = try TemporaryDirectory()
        try directory.write("gone/x", "")
        let table = """
            services:
              homeless: {listen: "127.0.0.1:0", exec: [/bin/cat], directory: \(directory.path("gone"))}
              well: {listen: "127.0.0.1:0", exec: [/bin/cat]}
            """
        try withSupervisor(table, in: directory) { supervisor in
            _ = try runProgram("/bin/rm", ["-r", directory.path("gone")])
            #expect(try TestSocket.tcp(port: supervisor.port("homeless")).receiveToEnd().isEmpty)
            let line = try supervisor.log.wait(for: "homeless", "No such file or directory")
            #expect(line.contains("directory"), "the stage that failed is named")
            let counts = try supervisor.waitForService("homeless", "refused") { $0.connections.active == 0 }.connections
            #expect(counts.refused == ["spawn": 1])
            #expect(counts.spawned == 0)
            let client = try TestSocket.tcp(port: supervisor.port("well"))
            try client.send("on")
            #expect(try client.receive(exactly: 2) == Array("on".utf8))
        }
    }
}
