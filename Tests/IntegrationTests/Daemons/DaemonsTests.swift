import Foundation
import TestSupport
import Testing

/// Real daemons with their real clients, several at once: examples/legacy-handlers/daemons.yaml. Most of these daemons
/// have to be started by root.
@Suite(.serialized, .enabled(if: geteuid() == 0, "daemons that change users are started by root"))
struct DaemonsTests {
    /// Clients of one daemon at a time.
    private static let clients = 4

    /// Serves `name` of the table to `clients` of `exchange` at once, each a process of its own, and looks that all of
    /// them are gone at the end.
    private func serve(
        _ name: String, _ place: DaemonPlace, connectionsEach: Int = 1,
        _ exchange: @escaping @Sendable (_ port: UInt16, _ number: Int) throws -> Void
    ) throws {
        try withSupervisor(place.table, in: place.directory) { supervisor in
            let port = try supervisor.port(name)
            try Threads(Self.clients) { try exchange(port, $0) }.join()
            let expected = Self.clients * connectionsEach
            let counts = try supervisor.waitForService(name, "over") { $0.connections.active == 0 }.connections
            #expect(counts.accepted == expected && counts.spawned == expected && counts.ended == expected)
            #expect(supervisor.handlers().map(\.name) == [])
        }
    }

    @Test("rsync: directories are listed, fetched and sent")
    func rsync() throws {
        let place = try DaemonPlace()
        try place.directory.write(
            "rsyncd.conf",
            """
            use chroot = no
            [files]
            path = \(place.path("files"))
            read only = no
            uid = 0
            gid = 0
            """)
        try place.shell("mkdir files && seq 1000 >files/numbers")
        try place.writeNoise("files/noise", bytes: 1_500_000)
        try serve("rsync", place, connectionsEach: 3) { port, number in
            let url = "rsync://127.0.0.1:\(port)/files/"
            #expect(try client("rsync", [url]).contains(" noise\n"))
            try client("rsync", ["-a", url + "noise", url + "numbers", place.path("got\(number)/")])
            #expect(place.areSame("got\(number)/noise", "files/noise"))
            try client("rsync", ["-a", place.path("got\(number)/noise"), url + "sent\(number)"])
            #expect(place.areSame("files/sent\(number)", "files/noise"))
        }
    }

    @Test("vsftpd: an anonymous client lists and fetches, by a data connection each")
    func ftp() throws {
        let place = try DaemonPlace()
        try place.directory.write(
            "vsftpd.conf",
            """
            listen=NO
            listen_ipv6=NO
            anonymous_enable=YES
            local_enable=NO
            anon_root=\(place.path("ftp"))
            secure_chroot_dir=\(place.path("empty"))

            """)
        try place.shell("mkdir -p ftp/pub empty")
        try place.writeNoise("ftp/pub/noise", bytes: 1_500_000)
        try serve("ftp", place, connectionsEach: 2) { port, number in
            let url = "ftp://127.0.0.1:\(port)/pub/"
            #expect(try client("curl", ["-sS", "--list-only", url]) == "noise\n")
            try client("curl", ["-sS", "-o", place.path("got\(number)"), url + "noise"])
            #expect(place.areSame("got\(number)", "ftp/pub/noise"))
        }
    }

    @Test("sshd -i: a client with a key runs a command, with its input and its status")
    func ssh() throws {
        let place = try DaemonPlace()
        try place.directory.write(
            "sshd_config",
            """
            HostKey \(place.path("host"))
            AuthorizedKeysFile \(place.path("key.pub"))
            StrictModes no
            UsePAM no
            PermitRootLogin yes
            PasswordAuthentication no

            """)
        // Debian's unit makes /run/sshd.
        try place.shell(
            "mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f key")
        try place.writeNoise("noise", bytes: 1_500_000)
        try serve("ssh", place) { port, number in
            let options = [
                "-F", "none", "-p", "\(port)", "-i", place.path("key"), "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "root@127.0.0.1",
            ]
            let command = "cat \(place.path("noise")) >\(place.path("got\(number)")); echo $SSH_CONNECTION; exit 7"
            let output = try runProgram("ssh", options + [command], deadline: Deadline(seconds: 60))
            #expect(output.status == .exited(7), "\(output)")
            #expect(output.standardOutput.hasPrefix("127.0.0.1 ") && output.standardOutput.hasSuffix(" \(port)\n"))
            #expect(place.areSame("got\(number)", "noise"))
        }
    }

    @Test("exim -bs: each message that is sent lies in the queue, and a bad recipient is refused")
    func smtp() throws {
        let place = try DaemonPlace()
        try place.directory.write(
            "exim.conf",
            """
            spool_directory = \(place.path("spool"))
            log_file_path = \(place.path("mail/%slog"))
            primary_hostname = mail.example.org
            acl_smtp_rcpt = rcpt
            acl_smtp_data = accept
            queue_only = true
            begin acl
            rcpt:
              accept domains = example.org
              deny message = no relaying

            """)
        try place.shell("mkdir spool mail; chown Debian-exim spool mail")
        let script = try place.directory.write(
            "send.py",
            """
            import smtplib, sys
            server = smtplib.SMTP('127.0.0.1', int(sys.argv[1]), local_hostname='client.example.org', timeout=60)
            for number in range(3):
                text = f'Subject: {number}\\r\\n\\r\\nfrom client {sys.argv[2]}, message {number}\\r\\n.\\r\\n'
                refused = server.sendmail('me@example.org', ['you@example.org', 'me@example.com'], text)
                assert list(refused) == ['me@example.com'] and refused['me@example.com'][0] == 550, refused
            assert server.quit()[0] == 221

            """)
        try serve("smtp", place) { port, number in
            try client("/usr/bin/python3", [script, "\(port)", "\(number)"])
        }
        let queue = try FileManager.default.contentsOfDirectory(atPath: place.path("spool/input"))
        let bodies = try queue.filter { $0.hasSuffix("-D") }.map { try place.directory.read("spool/input/\($0)") }
        #expect(bodies.count == Self.clients * 3)
        for number in 0..<Self.clients {
            #expect(bodies.filter { $0.contains("from client \(number), message ") && $0.contains("\n.\n") }.count == 3)
        }
    }

    @Test("cvs pserver: a client logs in by a password, imports and checks out")
    func cvs() throws {
        let place = try DaemonPlace()
        // nobody, because cvs takes nobody in as root.
        try place.shell(
            """
            cvs -d $PWD/cvs init
            echo "anna:$(openssl passwd -1 secret):nobody" >cvs/CVSROOT/passwd
            chown -R nobody cvs
            """)
        try serve("cvspserver", place, connectionsEach: 4) { port, number in
            try place.shell("mkdir -p client\(number)/source; echo text \(number) >client\(number)/source/file")
            let home = place.path("client\(number)")
            func cvs(_ words: String, in directory: String) throws -> String {
                let root = ":pserver:anna:secret@127.0.0.1:\(port)\(place.path("cvs"))"
                let environment = ["HOME": home, "PATH": "/usr/bin:/bin", "CVS_PASSFILE": home + "/pass"]
                return try client(
                    "cvs", ["-Q", "-d", root] + words.split(separator: " ").map(String.init), environment: environment,
                    in: directory)
            }
            _ = try cvs("login", in: home)
            _ = try cvs("import -m first project\(number) vendor start", in: home + "/source")
            _ = try cvs("checkout project\(number)", in: home)
            #expect(place.areSame("client\(number)/project\(number)/file", "client\(number)/source/file"))
            #expect(try cvs("rls project\(number)", in: home).contains("file"))
        }
    }

    @Test("in.fingerd: the right user's entry, and \"no such user\", which it says on descriptor 2")
    func finger() throws {
        try serve("finger", DaemonPlace(), connectionsEach: 2) { port, _ in
            for (user, answer) in [("root", "Login: root"), ("nobody-such", "no such user")] {
                let socket = try TestSocket.tcp(port: port)
                try socket.send(user + "\r\n")
                #expect(try socket.receiveText().contains(answer))
            }
        }
    }

    @Test(
        "finger, which knows one port only, in a network of its own",
        .enabled(if: NetworkNamespace.command != nil, "this machine permits no network namespaces"))
    func fingerItself() throws {
        let directory = try TemporaryDirectory()
        let table = try String(
            contentsOfFile: Repository.path("examples/legacy-handlers/daemons.yaml"), encoding: .utf8)
        // All of the example, at its own ports.
        let supervisor = try RunningSupervisor(
            table, in: directory, program: NetworkNamespace.wrapped("baton", in: directory))
        let ports = try supervisor.status().services.map { $0.listeners[0].port }
        #expect(ports == [873, 21, 22, 25, 2401, 79, 23, 113])
        func run(_ program: String, _ arguments: String...) throws -> ProgramOutput {
            try NetworkNamespace.run(program, arguments, inNetworkOf: supervisor.process.pid)
        }
        let output = try run("finger", "root@127.0.0.1")
        #expect(output.standardOutput.contains("Login: root"), "\(output)")
        try supervisor.stop()
    }

    @Test("telnetd: telnet gets as far as the password, with a terminal of its own for each")
    func telnet() throws {
        try serve("telnet", DaemonPlace()) { port, number in
            let terminal = try TestTerminal("telnet", ["127.0.0.1", "\(port)"])
            try terminal.wait(for: "login: ")
            try terminal.type("nobody-such-\(number)\r")
            try terminal.wait(for: "Password: ")
            terminal.hangUp()
        }
    }

    @Test("oidentd: whose a connection is")
    func ident() throws {
        try serve("ident", DaemonPlace()) { port, _ in
            // It is asked about connections between its own peer and itself only: about this one.
            let socket = try TestSocket.tcp(port: port)
            let mine = try socket.localPort
            try socket.send("\(mine), \(port)\r\n")
            let answer = try socket.receiveLine()
            #expect(answer == "\(mine),\(port):USERID:UNIX:root\r", "\(answer)")
        }
    }
}
