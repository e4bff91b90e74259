import Foundation
import Importers
import TestSupport
import Testing

/// xinetd.conf, attribute by attribute.
@Suite struct XinetdTests {
    /// A service with what xinetd requires, and more.
    private func service(_ attributes: String, name: String = "ftp") -> String {
        "service \(name)\n{\n\(attributes.split(separator: ";").map { " \($0)\n" }.joined())}\n"
    }

    private static let required = "socket_type = stream;wait = no;user = ftp;server = /x/ftpd"

    private func imported(_ text: String) throws -> Imported { try Imported(.xinetd, ("xinetd.conf", text)) }

    @Test("the least service: no groups, argv[0] the program's name, standard error the connection")
    func least() throws {
        let imported = try imported(service(Self.required))
        #expect(
            imported.services == """
                ftp:
                  listen: tcp://*:ftp
                  exec: [/x/ftpd]
                  user: ftp
                  groups: []
                  argv0: ftpd
                  stderr: connection
                """)
        #expect(imported.report.directives.count == 5)
        #expect(imported.report.outcome == .complete)
        #expect(imported.report.warnings.isEmpty)
    }

    static let exact: [(attribute: String, keys: [String])] = [
        ("id = other", ["other:"]), ("type = UNLISTED;port = 8021", ["listen: 8021"]),
        ("flags = IPv4", ["listen: tcp4://*:ftp"]), ("flags = ipv6 REUSE", ["listen: tcp://*:ftp"]),
        ("v6only = yes", ["listen: tcp6://*:ftp"]), ("flags = KEEPALIVE", ["socket: {keep_alive: true}"]),
        ("flags = NODELAY NOLIBWRAP", ["socket: {no_delay: true}"]), ("disable = yes", ["enabled: false"]),
        ("DISABLE = NO", ["listen: tcp://*:ftp"]), ("protocol = tcp", ["listen: tcp://*:ftp"]),
        ("bind = 10.0.0.1", ["listen: tcp://10.0.0.1:ftp"]), ("interface = ::1", ["listen: tcp://[::1]:ftp"]),
        ("server_args = -l \"a b\"", ["exec: [/x/ftpd, -l, \"\\\"a\", \"b\\\"\"]"]),
        ("flags = NAMEINARGS;server_args = in.ftpd -l", ["exec: [/x/ftpd, -l]", "argv0: in.ftpd"]),
        ("group = mail", ["group: mail"]), ("groups = yes", ["groups: init"]), ("groups = no", ["groups: []"]),
        ("nice = -5", ["nice: -5"]), ("umask = 27", ["umask: 027"]),
        ("env = A=b;env += C=d=e A=x", ["env: {C: d=e, A: x}"]), ("passenv = HOME TERM", ["pass_env: [HOME, TERM]"]),
        ("passenv = HOME TERM;passenv -= HOME", ["pass_env: [TERM]"]),
        ("rlimit_as = 8M;rlimit_cpu = 20;rlimit_files = 64", ["as: 8388608", "cpu: 20s", "nofile: 64"]),
        ("rlimit_data = UNLIMITED;rlimit_stack = 64K", ["rlimits: {data: unlimited, stack: 65536}"]),
        ("instances = 10", ["instances: 10", "on_limit: refuse"]), ("instances = UNLIMITED", ["instances: unlimited"]),
        ("per_source = 3", ["per_source: 3"]), ("max_load = 2.5", ["max_load: 2.5"]),
        ("access_times = 8:00-18:30 20:00-23:59", ["access_times: [\"08:00-18:30\", \"20:00-23:59\"]"]),
        ("only_from =", ["only_from: []"]), ("no_access = 10.0.0.1", ["no_access: [10.0.0.1]"]),
        ("banner_success = /etc/issue", ["banner: /etc/issue"]), ("mdns = no", ["listen: tcp://*:ftp"]),
        ("log_on_success = PID HOST EXIT DURATION", ["log_on: [start, exit, duration]"]),
        ("log_on_failure = HOST", ["log_on: [refuse]"]), ("log_on_success =", ["log_on: []"]),
        ("libwrap = ftp", ["listen: tcp://*:ftp"]),
    ]

    @Test("an attribute that means the same in the table", arguments: exact)
    func exactAttributes(attribute: String, keys: [String]) throws {
        let imported = try imported(service(Self.required + ";" + attribute))
        for key in keys { #expect(imported.services.contains(key), "\(imported.yaml)") }
        #expect(imported.report.directives.allSatisfy { $0.fidelity == .exact }, "\(imported.remarks)")
    }

    @Test(
        "the notations of addresses",
        arguments: [
            ("10.0.0.1", "[10.0.0.1]"), ("128.138.12.0", "[128.138.12.0/24]"), ("128.138.0.0", "[128.138.0.0/16]"),
            ("10.0.0.0", "[10.0.0.0/8]"), ("0.0.0.0", "[0.0.0.0/0]"),
            ("10.1.{2,3,4}", "[10.1.2.0/24, 10.1.3.0/24, 10.1.4.0/24]"),
            ("10.1.2.{3,4}", "[10.1.2.3, 10.1.2.4]"), ("{10,11}", "[10.0.0.0/8, 11.0.0.0/8]"),
            ("10.0.0.0/33", "[10.0.0.0/32]"), ("10.1.2.3/16", "[10.1.0.0/16]"), ("10.1/16", "[10.1.0.0/16]"),
            ("10.1.2.3/255.255.0.0", "[10.1.0.0/16]"), ("0.0.0.0/0", "[0.0.0.0/0]"), ("::1", "[\"::1\"]"),
            ("2001:db8::ff/32", "[\"2001:db8::/32\"]"), ("2001:db8::ff/72", "[\"2001:db8::/72\"]"),
            (".example.org", "[.example.org]"), ("host.example.org", "[host.example.org]"),
            ("10.0.0.1 10.0.0.2 10.0.0.1", "[10.0.0.1, 10.0.0.2]"),
        ])
    func sources(_ value: String, _ list: String) throws {
        let imported = try imported(service(Self.required + ";only_from = \(value)"))
        #expect(imported.services.contains("only_from: \(list)"), "\(imported.yaml)")
        #expect(imported.report.outcome == .complete)
    }

    static let approximated: [(attribute: String, key: String, reason: String)] = [
        ("cps = 25 30", "rate: 25/s", "backlog"), ("cps = 0 10", "rate: unlimited", "backlog"),
        ("leaky_bucket = 10 60 120 5", "rate: {rate: 600/h, burst: 20}", "backlog"),
        ("log_type = SYSLOG daemon", "exec", "one log"), ("log_type = FILE /var/log/x 100 200", "exec", "one log"),
        ("rlimit_rss = 8M", "exec", "Linux"), ("flags = NORETRY", "exec", "started"),
        ("colour = red", "exec", "no such attribute"), ("user = root", "user: ftp", "set already"),
        ("port = 5004 # x", "listen: tcp://*:ftp", "one value"), ("port += 5", "listen: tcp://*:ftp", "= only"),
        ("cps = 10", "exec", "2 values"), ("disabled = x", "exec", "cannot stand in a service"),
    ]

    @Test("an attribute that means nearly the same says what differs", arguments: approximated)
    func approximatedAttributes(attribute: String, key: String, reason: String) throws {
        let imported = try imported(service(Self.required + ";" + attribute))
        #expect(imported.services.contains(key), "\(imported.yaml)")
        let last = try #require(imported.report.directives.last)
        #expect(last.fidelity.kind == .approximated)
        #expect(last.place.line == 7)
        #expect(last.fidelity.reason?.contains(reason) == true, "\(last.fidelity)")
        #expect(imported.report.outcome == .complete)
    }

    @Test(
        "what has no equivalent is reported with its line, and exit 1",
        arguments: [
            ("flags = IDONLY", "RFC 1413"), ("flags = SENSOR", "trap"), ("flags = LABELED", "SELinux"),
            ("deny_time = 60", "trap"), ("mdns = yes", "mDNS"), ("log_on_success = USERID", "RFC 1413"),
            ("log_on_failure += USERID", "RFC 1413"), ("type = RPC;rpc_version = 2", "RPC"),
            ("type = RPC UNLISTED;rpc_number = 100300", "RPC"), ("banner_fail = /no/such/file", "text of the file"),
        ])
    func lostAttributes(attribute: String, reason: String) throws {
        let imported = try imported(service(Self.required + ";" + attribute))
        #expect(imported.report.outcome == .incomplete)
        #expect(imported.report.directives.last?.fidelity.reason?.contains(reason) == true, "\(imported.remarks)")
    }

    @Test(
        "a value that is no good disables its service, as in xinetd",
        arguments: [
            "instances = -1", "max_load = heavy", "only_from = 10.0.0.1,10.0.0.2", "only_from = 10.1.{2,x}",
            "access_times = 22:00-06:00", "access_times = 8-18", "port = http", "port = 65536", "umask = 999",
            "nice = x", "type = OTHER", "flags = OTHER", "disable = true", "groups = 1", "env = A", "rlimit_as = big",
            "redirect = host 0", "instances = 0", "per_source = 0", "server_args =",
        ])
    func badValues(attribute: String) throws {
        let imported = try imported(service(Self.required + ";" + attribute))
        #expect(imported.services.contains("enabled: false"), "\(imported.yaml)")
        #expect(imported.report.outcome == .incomplete)
    }

    @Test("internal services, of both kinds, and those that Baton does not have")
    func internals() throws {
        let internals = try imported(
            service("type = INTERNAL;socket_type = stream;wait = no;user = root;id = echo-stream", name: "echo")
                + service("type = INTERNAL;socket_type = dgram;wait = yes;id = echo-dgram", name: "echo")
                + service("type = INTERNAL;socket_type = stream;wait = no", name: "tcpmux"))
        #expect(
            internals.services == """
                echo-stream:
                  listen: tcp://*:echo
                  internal: echo
                echo-dgram:
                  listen: udp://*:echo
                  internal: echo
                tcpmux:
                  listen: tcp://*:tcpmux
                  internal: tcpmux
                """)
        #expect(internals.report.outcome == .complete)
        let servers = service("type = INTERNAL UNLISTED;port = 9099;socket_type = stream;wait = no", name: "servers")
        #expect(try imported(servers).report.outcome == .incomplete)
        let off = servers.replacing("socket_type", with: "disable = yes\n socket_type")
        #expect(try imported(off).report.outcome == .complete, "what is disabled loses nothing")
    }

    @Test("TCPMUX services are reached by their names")
    func mux() throws {
        let imported = try imported(
            service("type = TCPMUX UNLISTED;\(Self.required)", name: "one")
                + service("type = TCPMUXPLUS UNLISTED;\(Self.required)", name: "two"))
        #expect(imported.services.contains("one:\n  exec: [/x/ftpd]\n  tcpmux: one\n"))
        #expect(imported.services.contains("two:\n  exec: [/x/ftpd]\n  tcpmux: +two\n"))
        #expect(!imported.services.contains("listen"))
    }

    /// `user = nobody` was told as exact, and was nowhere in the table.
    @Test(
        "whom xinetd's copy of itself would run as is told where Baton starts nothing",
        arguments: ["type = UNLISTED;port = 8080;redirect = ::1 http", "type = INTERNAL;id = x"])
    func rightsOfNoProcess(kind: String) throws {
        let imported = try imported(
            service("\(kind);socket_type = stream;wait = no;user = nobody;group = daemon;nice = 3", name: "echo"))
        #expect(imported.remarks.count { $0.contains("no process for it") } == 3, "\(imported.remarks)")
    }

    @Test("redirect takes the place of a server")
    func redirect() throws {
        let imported = try imported(
            service("type = UNLISTED;port = 8080;socket_type = stream;wait = no;user = root;redirect = ::1 http"))
        #expect(imported.services == "ftp:\n  listen: 8080\n  redirect: tcp://[::1]:http")
        #expect(imported.report.outcome == .complete)
        #expect(imported.report.outcome == .complete)
    }

    @Test("tcpd in front is taken away, its program is run")
    func wrappers() throws {
        let imported = try imported(
            service(
                "flags = NAMEINARGS;socket_type = stream;wait = no;user = root;server = /usr/sbin/tcpd;"
                    + "server_args = in.telnetd -h", name: "telnet"))
        #expect(imported.services.contains("exec: [/usr/sbin/in.telnetd, -h]\n"))
        #expect(imported.services.contains("argv0: in.telnetd\n"))
    }

    @Test("banners: the two of admission become one, those of refusal busy_reply")
    func banners() throws {
        let directory = try TemporaryDirectory()
        try directory.write("all", "Hello\r\n")
        try directory.write("yes", "Welcome\r\n")
        try directory.write("no", "Go away\r\n")
        let banners = ["banner = all", "banner_success = yes", "banner_fail = no"]
            .map { $0.replacing("= ", with: "= \(directory.path)/") }
        #expect(
            try imported(service(Self.required + ";" + banners[1] + ";" + banners[2])).services.contains(
                "busy_reply: \"Go away\\r\\n\"\n"))
        let imported = try imported(service(Self.required + ";" + banners.joined(separator: ";")))
        #expect(imported.services.contains("banner: \"Hello\\r\\nWelcome\\r\\n\"\n"))
        #expect(imported.services.contains("busy_reply: \"Hello\\r\\nGo away\\r\\n\"\n"))
        #expect(imported.report.outcome == .complete)
    }

    @Test("wait services: streams cannot be checked, datagrams can")
    func waiting() throws {
        let stream = try imported(
            service("socket_type = stream;wait = yes;user = a;server = /x/y;only_from = 10.0.0.1;instances = 5"))
        #expect(stream.services.contains("wait: true"))
        #expect(!stream.services.contains("only_from"))
        #expect(stream.remarks[0].contains("no peer is known"))
        let datagram = try imported(
            service("socket_type = dgram;wait = yes;user = a;server = /x/y;only_from = 10.0.0.1"))
        #expect(datagram.services.contains("only_from: [10.0.0.1]"))
    }

    @Test("a datagram service gets the socket itself, with wait = no as well")
    func datagramNowait() throws {
        let imported = try imported(service("socket_type = dgram;wait = no;user = a;server = /x/y"))
        #expect(imported.services.contains("wait: true"))
        #expect(!imported.services.contains("enabled"))
        #expect(imported.remarks[0].contains("approximated: a datagram socket has no connections"))
        #expect(imported.report.outcome == .complete)
    }

    @Test(
        "limits and banners of a wait service have nowhere to go, and it is said",
        arguments: [
            "instances = 5", "per_source = 2", "cps = 25 30", "leaky_bucket = 10 60 120 5", "banner = /x",
            "banner_success = /x", "banner_fail = /x",
        ], ["stream", "dgram"])
    func waitLimits(attribute: String, type: String) throws {
        let waiting = "socket_type = \(type);wait = yes;user = a;server = /x/y"
        let imported = try imported(service(waiting + ";" + attribute))
        #expect(imported.remarks.last?.contains("not_expressible: a wait service has one process") == true)
        #expect(imported.remarks.dropLast().allSatisfy { $0.hasSuffix("exact") }, "\(imported.remarks)")
        #expect(imported.report.outcome == .incomplete)
        let defaults = "defaults\n{\n instances = 60\n cps = 50 10\n}\n"
        let none = ";instances = 1;per_source = UNLIMITED"
        #expect(try self.imported(defaults + service(waiting)).report.outcome == .complete)
        #expect(try self.imported(service(waiting + none)).report.outcome == .complete)
    }

    @Test("TRAFFIC goes with redirect only; else xinetd leaves the service out")
    func traffic() throws {
        let program = try imported(service(Self.required + ";log_on_success = TRAFFIC"))
        #expect(program.services.contains("enabled: false"))
        #expect(program.remarks[0].contains("redirect only"))
        #expect(program.report.outcome == .incomplete)
        let redirect = try imported(
            service("socket_type = stream;wait = no;user = root;redirect = ::1 http;log_on_success = TRAFFIC"))
        #expect(redirect.services.contains("log_on: [start, traffic]"))
        #expect(redirect.report.outcome == .complete)
    }

    @Test(
        "a port that is not that of services(5) needs UNLISTED",
        .enabled(if: (try? String(contentsOfFile: "/etc/services", encoding: .utf8))?.contains("\nfinger") == true))
    func listedPort() throws {
        func imported(_ attributes: String) throws -> Imported {
            try Imported(
                .xinetd, ("xinetd.conf", service(Self.required + ";" + attributes, name: "finger")), resolving: true)
        }
        let refused = try imported("port = 23423")
        #expect(refused.services.contains("enabled: false"))
        #expect(refused.remarks[0].contains("port is 23423, services(5) has 79"), "\(refused.remarks)")
        for attributes in ["port = 79", "type = UNLISTED;port = 23423"] {
            let imported = try imported(attributes)
            #expect(!imported.services.contains("enabled"), "\(imported.yaml)")
            #expect(imported.report.outcome == .complete)
        }
    }

    @Test(
        "what xinetd leaves out because something is missing",
        arguments: [
            "wait = no;user = a;server = /x/y", "socket_type = stream;user = a;server = /x/y",
            "socket_type = stream;wait = no;server = /x/y", "socket_type = stream;wait = no;user = a",
            "type = UNLISTED;socket_type = stream;wait = no;user = a;server = /x/y", "",
            "socket_type = raw;wait = no;user = a;server = /x/y", "socket_type = stream;protocol = udp;wait = no",
            "flags = NAMEINARGS;socket_type = stream;wait = no;user = a;server = /x/y",
        ])
    func incomplete(_ attributes: String) throws {
        let imported = try imported(service(attributes))
        #expect(imported.report.outcome == .incomplete)
        #expect(imported.services.contains("enabled: false") || imported.report.table.services.isEmpty)
        #expect(imported.faults.filter { !$0.contains("nothing says") && !$0.contains("there is no service") }.isEmpty)
    }

    @Test("a numeric user is its own group")
    func numericUser() throws {
        let imported = try imported(service(Self.required.replacing("user = ftp", with: "user = 1000")))
        #expect(imported.services.contains("user: \"1000\"\n  group: \"1000\"\n  groups: []"))
    }
}
