import Foundation
import TestSupport
import Testing

/// Debian's xinetd and Baton beside each other, on the same configuration: the same clients get the same answers.
@Suite struct SideBySideTests {
    /// The services: what is not said for one is `stream`, `wait = no`, `user = root`.
    private static let services: [(name: String, attributes: [String])] = [
        ("echo", ["type = INTERNAL UNLISTED"]),
        ("echo-udp", ["type = INTERNAL UNLISTED", "socket_type = dgram", "wait = yes"]),
        ("daytime", ["type = INTERNAL UNLISTED"]),
        ("time", ["type = INTERNAL UNLISTED"]),
        ("time-udp", ["type = INTERNAL UNLISTED", "socket_type = dgram", "wait = yes"]),
        ("discard", ["type = INTERNAL UNLISTED"]),
        ("chargen", ["type = INTERNAL UNLISTED"]),
        (
            "shell",
            ["server = /bin/sh", "flags = NAMEINARGS", "env = COLOUR=green", "umask = 027", "nice = 3"]
                + ["server_args = name DIRECTORY/script one two"]
        ),
        (
            "tftp",
            ["socket_type = dgram", "wait = yes", "server = /usr/sbin/in.tftpd", "server_args = -t 1 -s DIRECTORY/srv"]
        ),
        ("relay", ["redirect = 127.0.0.1 PORT-echo"]),
        ("welcome", ["server = /bin/cat", "banner_success = DIRECTORY/welcome"]),
        ("refused", ["server = /bin/cat", "only_from = 10.0.0.1", "banner_fail = DIRECTORY/sorry"]),
        ("admitted", ["server = /bin/cat", "only_from = 127.0.0.0", "no_access = 127.0.0.9"]),
        ("excepted", ["server = /bin/cat", "only_from = 127.0.0.0", "no_access = 127.0.0.1"]),
        ("single", ["server = /bin/cat", "instances = 1"]),
        ("onesource", ["server = /bin/cat", "per_source = 1"]),
        ("closed", ["server = /bin/cat", "access_times = OTHER-TIME"]),
        ("off", ["server = /bin/cat", "disable = yes"]),
        ("limits", ["server = /bin/sh", "server_args = -c ulimit${IFS}-n", "rlimit_files = 99"]),
    ]

    /// Where one of the two listens.
    private struct Site {
        var ports: [String: UInt16] = [:]

        func port(_ name: String) -> UInt16 { ports[name] ?? 0 }

        func tcp(_ name: String) throws -> TestSocket { try TestSocket.tcp(port: port(name)) }

        init() throws {
            for service in SideBySideTests.services { ports[service.name] = try QuietPort.next() }
        }

        func write(_ name: String, in directory: TemporaryDirectory) throws -> String {
            for service in SideBySideTests.services {
                let base = service.name.split(separator: "-")[0]
                var lines = service.attributes
                func standard(_ name: String, _ value: String) {
                    if !lines.contains(where: { $0.hasPrefix(name + " ") }) { lines.append("\(name) = \(value)") }
                }
                standard("type", "UNLISTED")
                standard("socket_type", "stream")
                standard("wait", "no")
                standard("user", "root")
                lines += ["id = \(service.name)", "port = \(port(service.name))"]
                let text = lines.map { "\t\($0)\n" }.joined()
                    .replacing("DIRECTORY", with: directory.path)
                    .replacing("PORT-echo", with: "\(port("echo"))").replacing("OTHER-TIME", with: Self.otherTime)
                try directory.write("\(name)/\(service.name)", "service \(base)\n{\n\(text)}\n")
            }
            return try directory.write(
                "\(name).conf",
                "defaults\n{\n bind = 127.0.0.1\n log_on_success = PID HOST EXIT DURATION\n log_on_failure = HOST\n}\n"
                    + "includedir \(directory.path(name))\n")
        }

        /// An hour of the day that is not now.
        private static var otherTime: String {
            let hour = Calendar.current.component(.hour, from: Date())
            return hour < 12 ? "20:00-21:00" : "3:00-4:00"
        }
    }

    private static func makeFiles(in directory: TemporaryDirectory) throws {
        try directory.write(
            "script",
            "echo \"$0 $# $1 $2 $COLOUR $REMOTE_HOST\"; umask; nice; id -Gn; echo loud >&2; read line; echo \"got $line\"\n"
        )
        try directory.write("welcome", "Welcome\r\n")
        try directory.write("sorry", "Go away\r\n")
        try directory.write("srv/file", String(repeating: "content\n", count: 500))
    }

    /// What a client sees of one service.
    private static let exchanges: [(name: String, see: @Sendable (Site, TemporaryDirectory) throws -> String)] = [
        ("echo", { site, _ in try exchange(site.tcp("echo"), "hello\n") }),
        (
            "echo-udp",
            { site, _ in
                let client = try TestSocket.udp(port: site.port("echo-udp"))
                try client.send("datagram")
                return String(decoding: try client.receive(), as: UTF8.self)
            }
        ),
        // RFC 867 leaves the form open, and they differ in it.
        (
            "daytime",
            { site, _ in
                let text = try site.tcp("daytime").receiveText()
                let year = Calendar.current.component(.year, from: Date())
                return "\(text.contains("\(year)")) \(text.hasSuffix("\r\n"))"
            }
        ),
        ("time", { site, _ in "\(try seconds(site.tcp("time").receiveToEnd()))" }),
        (
            "time-udp",
            { site, _ in
                let client = try TestSocket.udp(port: site.port("time-udp"))
                try client.send("?")
                return "\(try seconds(client.receive()))"
            }
        ),
        ("discard", { site, _ in try exchange(site.tcp("discard"), "nothing comes back\n") }),
        (
            "chargen",
            { site, _ in
                let client = try site.tcp("chargen")
                defer { client.close() }
                // RFC 864 leaves the characters open, and they differ in them: lines of 72 in both.
                let bytes = try client.receive(exactly: 74 * 100)
                return
                    "\(stride(from: 72, to: bytes.count, by: 74).allSatisfy { bytes[$0] == 13 && bytes[$0 + 1] == 10 })"
            }
        ),
        ("shell", { site, _ in try exchange(site.tcp("shell"), "line\n") }),
        (
            "tftp",
            { site, directory in
                let copy = directory.path("copy-\(site.port("tftp"))")
                let client = try runProgram(
                    "/usr/bin/tftp", ["-m", "binary", "127.0.0.1", "\(site.port("tftp"))", "-c", "get", "file", copy])
                return "\(client.status) \((try? String(contentsOfFile: copy, encoding: .utf8)) ?? "nothing")"
            }
        ),
        (
            "relay",
            { site, _ in
                // xinetd ends a relay with the first end of file; Baton keeps the other half. So none is sent.
                let client = try site.tcp("relay")
                try client.send("through\n")
                defer { client.close() }
                return String(decoding: try client.receive(exactly: 8), as: UTF8.self)
            }
        ),
        ("welcome", { site, _ in try exchange(site.tcp("welcome"), "hello\n") }),
        ("refused", { site, _ in try site.tcp("refused").receiveText() }),
        ("admitted", { site, _ in try exchange(site.tcp("admitted"), "in\n") }),
        ("excepted", { site, _ in try site.tcp("excepted").receiveText() }),
        ("single", { site, _ in try second(site, "single") }),
        ("onesource", { site, _ in try second(site, "onesource") }),
        ("closed", { site, _ in try site.tcp("closed").receiveText() }),
        ("off", { site, _ in (try? site.tcp("off")) == nil ? "no listener" : "a listener" }),
        ("limits", { site, _ in try exchange(site.tcp("limits"), "") }),
    ]

    private static func exchange(_ client: TestSocket, _ text: String) throws -> String {
        try client.send(text)
        try client.finishSending()
        return try client.receiveText()
    }

    /// While one connection is served, another comes; then, when the first has ended, a third.
    private static func second(_ site: Site, _ name: String) throws -> String {
        let first = try site.tcp(name)
        try first.send("a")
        let served = try first.receive(exactly: 1)
        let second = try site.tcp(name).receiveText()
        try first.finishSending()
        _ = try first.receiveToEnd()
        var third = ""
        _ = eventually {
            third = (try? exchange(site.tcp(name), "again")) ?? ""
            return third == "again"
        }
        return "\(served) |\(second)| \(third)"
    }

    /// RFC 868, in tens of seconds from now.
    private static func seconds(_ bytes: [UInt8]) -> Int {
        guard bytes.count == 4 else { return -1 }
        let time = bytes.reduce(0) { $0 << 8 | Int($1) } - 2_208_988_800
        return abs(time - Int(Date().timeIntervalSince1970)) / 10
    }

    @Test("ten services and more, each with its client, at both")
    func sameAnswers() throws {
        let directory = try TemporaryDirectory()
        try Self.makeFiles(in: directory)
        let (theirs, ours) = (try Site(), try Site())
        let configuration = try theirs.write("xinetd", in: directory)
        _ = try ours.write("baton", in: directory)

        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let xinetd = try TestProcess(
            "/usr/sbin/xinetd",
            ["-dontfork", "-filelog", directory.path("xinetd.log"), "-f", configuration]
                + ["-pidfile", directory.path("xinetd.pid")],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], descriptors: [null, null, null])
        let isUp = eventually { (try? theirs.tcp("echo")) != nil }
        try #require(isUp, "\((try? directory.read("xinetd.log")) ?? "")")

        var expected: [String: String] = [:]
        for exchange in Self.exchanges { expected[exchange.name] = try exchange.see(theirs, directory) }
        try withSupervisor("include: [{xinetd: baton.conf}]", in: directory) { supervisor in
            for exchange in Self.exchanges {
                let seen = try exchange.see(ours, directory)
                #expect(seen == expected[exchange.name], "\(exchange.name)\n\(supervisor.log.tail)")
            }
        }
        // What xinetd answered is what this test is about, and no accident.
        #expect(expected["refused"] == "Go away\r\n")
        #expect(expected["welcome"] == "Welcome\r\nhello\n")
        #expect(expected["excepted"] == "")
        #expect(expected["single"] == "[97] || again")
        #expect(expected["limits"] == "99\n")
        #expect(expected["off"] == "no listener")
        try xinetd.signal(SIGTERM)
        _ = try xinetd.wait()
    }
}
