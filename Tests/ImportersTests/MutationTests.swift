import Foundation
import Importers
import ServiceTable
import TestSupport
import Testing

/// Files that nobody wrote: whatever stands in them, the import ends soon, and in a table that can be read.
@Suite struct MutationTests {
    static let inetd = """
        # comment
        finger stream tcp nowait nobody /usr/sbin/tcpd /usr/sbin/in.fingerd -w
        #<off># ftp stream tcp nowait.40 root.mail /usr/sbin/in.ftpd in.ftpd -l "a b"
        echo dgram udp wait root internal
        10.0.0.1,[::1]:6070 stream tcp6,rcvbuf=16k nowait/3/10/2 user:grp/daemon /bin/app app
          -x 'y z'
        localhost:
        rstatd/1-3 dgram rpc/udp wait root /usr/sbin/rstatd rstatd
        :root:wheel:600:/var/run/x stream unix nowait root /bin/cat cat
        tcpmux/+date stream tcp nowait guest /bin/date date
        http on protocol = tcp, wait=no, user = nobody, # hi
         exec = /bin/httpd, args = httpd "a\\x20b", service_max = 40;
        .include nothing
        #@ in ipsec

        """
    static let xinetd = """
        # comment
        defaults
        {
         instances = 60
         only_from = 127.0.0.0 10.1.{2,3} ::1
         log_on_success = HOST PID
         cps = 25 30
         enabled = ftp echo
        }
        service ftp
        {
         socket_type = stream
         wait = no
         user = root
         server = /usr/sbin/vsftpd
         server_args = -l "a b"
         only_from += 192.168.0.0/24 .example.net
         access_times = 8:00-18:00
         env = A=b C=d=e
         rlimit_as = 8M
         flags = KEEPALIVE NODELAY IPv4
         banner = /etc/hostname
        }
        service echo
        {
         type = INTERNAL
         id = echo-dgram
         socket_type = dgram
         protocol = udp
         wait = yes
         disable = no
        }
        service web
        {
         type = UNLISTED
         port = 8080
         socket_type = stream
         wait = no
         redirect = 10.0.0.5 80
         bind = 127.0.0.1
        }

        """

    /// SplitMix64: the same mutations on every run.
    private struct Randomness: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
            return value ^ (value >> 31)
        }
    }

    private static let pieces = [
        "\n", " ", "\t", "\r\n", "#", "{", "}", "=", "+=", "-=", ";", ",", "\"", "'", "\\", ":", "/", "0", "-1",
        "65536",
        "99999999999999999999", "*", "@", "%", "é", "\u{85}", "\u{2028}", "\u{feff}", "\u{7f}", "\u{0}", "yes", "no",
        "UNLIMITED", "service x\n{\n", "tcp", "udp", "internal", "- a: b", "&a *a", "|", "!!str", "~", "[", "]",
    ]

    private static func mutate(_ bytes: inout [UInt8], _ random: inout Randomness) {
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, at + Int.random(in: 0...12, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeSubrange(at..<end)
            case 1: bytes.insert(contentsOf: Array(pieces.randomElement(using: &random)?.utf8 ?? "".utf8), at: at)
            case 2: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
            case 3 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
            default:
                let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
                guard let word = words.randomElement(using: &random) else { continue }
                bytes.replaceSubrange(at..<end, with: Array(word.utf8))
            }
        }
    }

    @Test("mutated files", arguments: [SourceFormat.inetd, .xinetd])
    func mutations(_ format: SourceFormat) throws {
        let directory = try TemporaryDirectory()
        let file = URL(fileURLWithPath: directory.path("source"))
        var random = Randomness(state: 20_250_725)
        for round in 0..<150 {
            var bytes = Array((format == .inetd ? Self.inetd : Self.xinetd).utf8)
            Self.mutate(&bytes, &random)
            try Data(bytes).write(to: file)
            let report = Importers.read(format, paths: [file.path], settings: ImportSettings(resolving: false))
            let yaml = TableText(report.table).text
            let loaded = ServiceTableReader.read(text: Array(yaml.utf8), name: "table", resolving: false)
            let faults = loaded.faults.filter { fault in
                fault.severity == .error && !fault.message.contains("there is no service")
            }
            #expect(
                faults.isEmpty, "round \(round): \(faults)\n\(yaml)\nfrom\n\(String(decoding: bytes, as: UTF8.self))")
            if !faults.isEmpty { return }
        }
    }

    @Test("files made to be slow are done with soon")
    func hostile() throws {
        func many(_ count: Int, _ piece: String) -> String { String(repeating: piece, count: count) }
        let service = "service a\n{\n socket_type = stream\n wait = no\n user = a\n server = /x\n"
        let files: [(SourceFormat, String)] = [
            (.inetd, many(3000, "echo stream tcp nowait root internal\n")),
            (.inetd, "echo stream tcp nowait root internal\n" + many(60_000, " a\n")),
            (.inetd, "echo on " + many(20_000, "a = b, ")), (.inetd, many(4000, "echo on a = b;")),
            (.inetd, many(80_000, "#\n")), (.inetd, many(200_000, "\"")),
            (.inetd, many(3000, "1 stream tcp nowait root /x x\n").replacing("1 s", with: "x s")),
            (.xinetd, service + many(12000, " only_from += 10.0.0.1\n") + "}\n"),
            (.xinetd, service + " only_from = " + many(18000, "10.0.0.1 ") + "\n}\n"),
            (.xinetd, service + " only_from = {" + many(60_000, "1,") + "1}\n}\n"),
            (.xinetd, service + " env = " + many(30_000, "A=b ") + "\n}\n"),
            (.xinetd, many(1500, service + "}\n")), (.xinetd, many(40_000, "}\n")),
        ]
        let directory = try TemporaryDirectory()
        for (format, text) in files {
            try directory.write("source", text)
            let begin = Deadline.now()
            let report = Importers.read(
                format, paths: [directory.path("source")], settings: ImportSettings(resolving: false))
            _ = TableText(report.table).text
            _ = report.warnings
            let seconds = Double(Deadline.now() - begin) / 1e9
            #expect(seconds < 20, "\(format) \(text.prefix(60))")
        }
    }

    @Test("regression: an entry in keys that looks like one in fields was read over and over")
    func entryInBothNotations() throws {
        let imported = try Imported(.inetd, ("inetd.conf", "http on a stream tcp nowait root /x x\n"))
        #expect(imported.report.outcome == .unparsed)
    }

    @Test("a service that the table cannot have is told, and left out")
    func rejected() throws {
        let imported = try Imported(
            .inetd, ("inetd.conf", "79 stream tcp nowait a(b /x/f /x/f\n80 stream tcp nowait a:b:c /x/g /x/g\n"))
        #expect(imported.report.table.services.map(\.name) == ["f"])
        #expect(imported.report.outcome == .incomplete)
        #expect(imported.remarks[1].contains("the table cannot say it"))
        #expect(imported.yaml.contains(":2: g: not expressible: the table cannot say it"))
    }

    @Test("of two services with one address the first is bound, as there")
    func twice() throws {
        let imported = try Imported(
            .inetd, ("inetd.conf", "79 stream tcp nowait a /x/f /x/f\n79 stream tcp46 nowait a /x/g /x/g\n"))
        #expect(imported.report.table.services.map { $0["enabled"] == nil } == [true, false])
        #expect(imported.faults.isEmpty)
        #expect(imported.report.outcome == .incomplete)
    }
}
