import Foundation
import Importers
import Testing

/// inetd.conf, line by line and dialect by dialect.
@Suite struct InetdTests {
    private func imported(_ text: String) throws -> Imported { try Imported(.inetd, ("inetd.conf", text)) }

    static let exact: [(line: String, table: String)] = [
        (
            "finger\tstream\ttcp\tnowait\tnobody\t/usr/sbin/in.fingerd\tin.fingerd -w",
            "finger:\n  listen: tcp://*:finger\n  exec: [/usr/sbin/in.fingerd, -w]\n  user: nobody\n"
                + "  argv0: in.fingerd\n  stderr: connection"
        ),
        (
            "tftp dgram udp wait root /usr/sbin/in.tftpd /usr/sbin/in.tftpd -s /srv",
            "tftp:\n  listen: udp://*:tftp\n  exec: [/usr/sbin/in.tftpd, -s, /srv]\n  wait: true\n  user: root\n"
                + "  stderr: connection"
        ),
        ("echo stream tcp nowait root internal", "echo:\n  listen: tcp://*:echo\n  internal: echo"),
        ("echo dgram udp wait root internal", "echo:\n  listen: udp://*:echo\n  internal: echo"),
        ("sink stream tcp6 nowait root internal", "sink:\n  listen: tcp6://*:sink\n  internal: discard"),
        ("tcpmux stream tcp nowait root internal", "tcpmux:\n  listen: tcp://*:tcpmux\n  internal: tcpmux"),
        (
            "006070 stream tcp nowait root /bin/app",
            "app:\n  listen: 6070\n  exec: [/bin/app]\n  user: root\n  argv0: app\n  stderr: connection"
        ),
        (
            "6070 stream tcp4 wait a:b /x/app /x/app",
            "app:\n  listen: tcp4://*:6070\n  exec: [/x/app]\n  wait: true\n  user: a\n  group: b\n"
                + "  stderr: connection"
        ),
        (
            "10.0.0.1,[::1]:79 stream tcp nowait a.b /x/f /x/f",
            "f:\n  listen: [\"tcp://10.0.0.1:79\", \"tcp://[::1]:79\"]\n  exec: [/x/f]\n  user: a\n  group: b\n"
                + "  stderr: connection"
        ),
        (
            "79 stream tcp46,sndbuf=16k,rcvbuf=1m nowait a /x/f /x/f",
            "f:\n  listen: 79\n  socket: {send_buffer: 16384, receive_buffer: 1048576}\n  exec: [/x/f]\n"
                + "  user: a\n  stderr: connection"
        ),
        (
            "79 stream tcp nowait/3/0/2 a /x/f /x/f",
            "f:\n  listen: 79\n  exec: [/x/f]\n  instances: 3\n  per_source: 2\n  user: a\n  stderr: connection"
        ),
        (
            "79 stream tcp nowait/0 a /x/f /x/f",
            "f:\n  listen: 79\n  exec: [/x/f]\n  instances: unlimited\n  user: a\n  stderr: connection"
        ),
        (
            "http stream,20 tcp nowait a /x/f /x/f",
            "http:\n  listen: tcp://*:http\n  exec: [/x/f]\n  instances: 20\n  user: a\n  stderr: connection"
        ),
        (
            ":root:wheel:660:/run/x.sock stream unix nowait a /x/f /x/f",
            "f:\n  listen:\n    address: unix:///run/x.sock\n    owner: root\n    group: wheel\n    mode: 0660\n"
                + "  exec: [/x/f]\n  user: a\n  stderr: connection"
        ),
        (
            "/run/x.sock seqpacket unix nowait a /x/f /x/f",
            "f:\n  listen: unix+seqpacket:///run/x.sock\n  exec: [/x/f]\n  user: a\n  stderr: connection"
        ),
        (
            "tcpmux/+date stream tcp nowait guest /bin/date /bin/date",
            "date:\n  exec: [/bin/date]\n  tcpmux: +date\n  user: guest\n  stderr: connection"
        ),
        (
            "#<off># ftp stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.ftpd -l",
            "ftp:\n  enabled: false\n  listen: tcp://*:ftp\n  exec: [/usr/sbin/in.ftpd, -l]\n  user: root\n"
                + "  stderr: connection"
        ),
        (
            "ftp stream tcp nowait root /usr/sbin/tcpd in.ftpd",
            "ftp:\n  listen: tcp://*:ftp\n  exec: [/usr/sbin/in.ftpd]\n  user: root\n  argv0: in.ftpd\n"
                + "  stderr: connection"
        ),
    ]

    @Test("regression: a disabled entry whose program or user is gone makes no included table faulty; it is left out")
    func disabledLeftovers() throws {
        let text = """
            5001 stream tcp nowait root /bin/cat cat
            #<off># 5002 stream tcp nowait root /nonexistent/in.ftpd in.ftpd
            #<off># 5003 stream tcp nowait nobody-at-all /bin/cat cat
            #<off># 5004 stream tcp nowait root /bin/cat cat

            """
        let converted = try Imported(.inetd, ("inetd.conf", text), resolving: true)
        #expect(converted.report.table.services.map { $0.place.line } == [1, 2, 3, 4])
        let imported = try Imported(.inetd, ("inetd.conf", text), resolving: true, leavesOutDisabled: true)
        #expect(imported.faults(resolving: true) == [])
        #expect(imported.report.table.services.map { $0.place.line } == [1, 4])
        #expect(imported.report.outcome == .complete)
        #expect(imported.report.warnings.count { $0.contains("it is disabled, and left out: ") } == 2)
        #expect(imported.yaml.contains("in.ftpd"))
    }

    @Test("regression: a user's number is told as what openbsd-inetd does not take")
    func numericUser() throws {
        let imported = try Imported(.inetd, ("inetd.conf", "5001 stream tcp nowait 1000 /bin/cat cat\n"))
        #expect(imported.remarks.first?.contains("approximated: it is a user id here") == true)
        #expect(imported.services.contains("user: \"1000\""))
    }

    @Test("a line that means the same in the table", arguments: exact)
    func exactLines(line: String, table: String) throws {
        let imported = try imported(line + "\n")
        #expect(imported.services == table)
        #expect(imported.remarks == ["1 exact"])
        #expect(imported.report.outcome == .complete)
    }

    @Test(
        "what means nearly the same says what differs, and stays exit 0",
        arguments: [
            ("79 stream tcp nowait.40 a /x/f /x/f", "rate: {rate: 40/min, burst: 40}", "backlog"),
            ("79 stream tcp nowait:40 a /x/f /x/f", "rate: {rate: 40/min, burst: 40}", "backlog"),
            ("79 stream tcp wait.40 a /x/f /x/f", "wait: true", "trigger_limit"),
            ("79 stream tcp nowait/0/10 a /x/f /x/f", "rate_per_source: {rate: 10/min, burst: 10}", "token bucket"),
            ("79 dgram udp nowait a /x/f /x/f", "wait: true", "no connections"),
            ("79 stream tcp maybe a /x/f /x/f", "exec: [/x/f]", "nowait"),
            ("79 stream tcp nowait a /x/f /x/f \"b c\" d", "exec: [/x/f, b c, d]", "quotes"),
            ("79 stream tcp nowait a /x/f /x/f don't", "exec: [/x/f, don't]", "as it stands"),
            ("79 stream tcp/ttcp nowait a /x/f /x/f", "listen: 79", "T/TCP"),
            ("79 stream:dataready tcp nowait a /x/f /x/f", "socket: {defer_accept: 30s}", "TCP_DEFER_ACCEPT"),
            ("79 stream tcp nowait a /x/f /x/f b\r", "exec: [/x/f, b]", "CR"),
            ("79 stream tcp nowait a /x/f /x/f\n\t-b -c", "exec: [/x/f, -b, -c]", "continues"),
        ])
    func approximatedLines(line: String, key: String, reason: String) throws {
        let imported = try imported(line + "\n")
        #expect(imported.services.contains(key), "\(imported.yaml)")
        #expect(imported.report.directives.map(\.fidelity.kind) == [.approximated])
        #expect(imported.remarks[0].contains(reason))
        #expect(imported.yaml.contains("# \(imported.directory.path("inetd.conf")):1: "), "it is a comment too")
        #expect(imported.report.warnings.count == 1)
        #expect(imported.report.outcome == .complete)
    }

    @Test("arguments that openbsd-inetd cuts off are passed on, and it is said")
    func manyArguments() throws {
        let line = "79 stream tcp nowait a /x/f " + Array(repeating: "a", count: 19).joined(separator: " ")
        #expect(try imported(line + " last\n").remarks == ["1 exact"])
        let imported = try imported(line + " b last\n")
        #expect(imported.yaml.contains("last"))
        #expect(imported.remarks[0].hasPrefix("1 approximated"))
        #expect(imported.remarks[0].contains("after 20"))
    }

    @Test(
        "what has no equivalent is reported, and exit 1",
        arguments: [
            ("79 stream tcp nowait a/daemon /x/f /x/f", "login classes"),
            ("79 raw tcp nowait a /x/f /x/f", "listens on"), ("79 rdm tcp nowait a /x/f /x/f", "listens on"),
            ("79 stream udp nowait a /x/f /x/f", "listens on"), ("79 stream sctp nowait a /x/f /x/f", "listens on"),
            ("0 stream tcp nowait a /x/f /x/f", "no such port"),
            ("79 seqpacket unix nowait a /x/f /x/f", "absolute path"),
            ("65536 stream tcp nowait a /x/f /x/f", "no such port"),
            ("auth stream tcp nowait root internal", "ident"), ("foo stream tcp nowait root internal", "foo"),
            ("79 stream faith/tcp6 nowait a /x/f /x/f", "faith"),
            ("79 stream tcp wait/5 a /x/f /x/f", "one process"),
            ("rstatd/1-3 dgram rpc/udp wait root /x/f /x/f", "rpcbind"),
            ("#@ in ipsec esp/transport//require", "ip xfrm"),
            ("79 stream tcp,sndbuf=lots nowait a /x/f /x/f", "sndbuf=lots"),
        ])
    func lostLines(line: String, reason: String) throws {
        let imported = try imported(line + "\n")
        #expect(imported.report.directives.map(\.fidelity.kind) == [.notExpressible])
        #expect(imported.remarks[0].contains(reason))
        #expect(imported.yaml.contains("not expressible"), "it is a comment too")
        #expect(imported.report.outcome == .incomplete)
    }

    @Test("RPC services are imported as disabled")
    func remoteProcedures() throws {
        let imported = try imported("rstatd/1-3 dgram rpc/udp wait root /x/f /x/f\n")
        #expect(imported.services.hasPrefix("rstatd:\n  enabled: false\n  listen: udp://*:0\n  exec: [/x/f]"))
    }

    @Test("a file that is half broken yields its good half, and exit 78")
    func halfBroken() throws {
        let imported = try imported(
            """
            echo stream tcp nowait root internal
            some words that mean nothing at all
            daytime stream tcp
            time stream tcp nowait root time
            chargen stream tcp nowait root internal
            """)
        #expect(imported.report.table.services.map(\.name) == ["echo", "chargen"])
        #expect(imported.report.errors.map(\.place.line) == [2, 3, 4])
        #expect(imported.report.directives.count == 5)
        #expect(imported.report.outcome == .unparsed)
        #expect(imported.faults.isEmpty)
    }

    @Test("bytes that are not UTF-8 break their line only")
    func bytes() throws {
        let directory = try Imported(.inetd, ("x", "")).directory
        let text = Data([0x65, 0xff, 0x0a]) + Data("echo stream tcp nowait root internal\n".utf8)
        try text.write(to: URL(fileURLWithPath: directory.path("bytes")))
        let report = Importers.read(.inetd, paths: [directory.path("bytes")], settings: ImportSettings())
        #expect(report.errors.count == 1)
        #expect(report.table.services.map(\.name) == ["echo"])
    }

    @Test("host: sets the address of the lines after it, *: takes it back")
    func defaultHost() throws {
        let imported = try imported(
            "localhost:\na:79 stream tcp nowait n /x/a /x/a\n80 stream tcp nowait n /x/b /x/b\n*:\n"
                + "81 stream tcp nowait n /x/c /x/c\n")
        #expect(imported.services.contains("a:\n  listen: tcp://a:79\n"))
        #expect(imported.services.contains("b:\n  listen: tcp://localhost:80\n"))
        #expect(imported.services.contains("c:\n  listen: 81\n"))
        #expect(imported.report.directives.count == 5)
    }

    @Test("a service given twice counts once, with the later line")
    func replaced() throws {
        let imported = try imported(
            "79 stream tcp nowait a /x/a /x/a\n79 dgram udp wait a /x/b /x/b\n79 stream tcp nowait a /x/c /x/c\n")
        #expect(imported.report.table.services.map(\.name) == ["b", "c"])
        #expect(imported.remarks[0].contains("line 3"))
    }

    @Test("comments stay, in their places")
    func comments() throws {
        let imported = try imported("# one\n#:STANDARD: two\necho stream tcp nowait root internal\n# three\n")
        let body = imported.yaml.drop { $0 != "s" }
        #expect(body.contains("  # one\n  # :STANDARD: two\n  echo:"))
        #expect(body.hasSuffix("  # three\n"))
    }

    @Test("NetBSD's keys, with comments, quotes, several entries on a line, and mistakes")
    func keys() throws {
        let imported = try imported(
            """
            http on # a web server
              protocol = tcp, wait = no, user = nobody, group = www,
              exec = /x/httpd, args = httpd "a\\x20b" -c, # more
              ip_max = 5, accept_max = 7, bind = 10.0.0.1;
            echo off protocol = udp; time on protocol = tcp6;
            bad on protocol = tcp, colour = red;
            worse on protocol tcp;
            last on protocol = tcp
            echo stream tcp nowait root internal
            """)
        #expect(
            imported.services == """
                http:
                  listen: tcp://10.0.0.1:http
                  exec: [/x/httpd, a b, -c]
                  instances: 7
                  rate_per_source: {rate: 5/min, burst: 5}
                  user: nobody
                  group: www
                  argv0: httpd
                  stderr: connection
                echo:
                  enabled: false
                  listen: udp://*:echo
                  internal: echo
                time:
                  listen: tcp6://*:time
                  internal: time
                echo-tcp:
                  listen: tcp://*:echo
                  internal: echo
                """)
        #expect(imported.report.errors.map(\.place.line) == [6, 7, 8])
        #expect(imported.report.directives.contains { $0.text == "ip_max = 5" && $0.place.line == 4 })
    }

    @Test("NetBSD's .include and a directory of files are read into one table; a circle ends")
    func includes() throws {
        let echo = "echo stream tcp nowait root internal\n"
        let imported = try Imported(
            .inetd, ("inetd.conf", ".include \"d/*.conf\"\n"), ("d/a.conf", echo + ".include \"../inetd.conf\"\n"),
            ("d/b.conf", "time stream tcp nowait root internal\n"))
        #expect(imported.report.table.services.map(\.name) == ["echo", "time"])
        #expect(imported.report.errors.count == 1)
        let directory = try Imported(
            .inetd, ("inetd.d/a", echo), ("inetd.d/.b", echo), ("inetd.d/c~", "rubbish\n"), path: "inetd.d")
        #expect(directory.report.table.services.map(\.name) == ["echo"])
        #expect(directory.report.outcome == .complete)
    }

    @Test("a file that is not there is told, and exit 78")
    func missing() throws {
        let report = Importers.read(.inetd, paths: ["/nonexistent"], settings: ImportSettings())
        #expect(report.errors.map(\.words) == ["/nonexistent: error: cannot be read: No such file or directory"])
        #expect(report.outcome == .unparsed)
    }

    @Test("every row of the guide says something, once")
    func rows() {
        let table = Importers.table(of: .inetd)
        #expect(Set(table.rows.map(\.name)).count == table.rows.count)
        #expect(
            table.rows.allSatisfy { $0.fidelity == .exact ? !$0.key.isEmpty || !$0.note.isEmpty : !$0.note.isEmpty })
    }
}
