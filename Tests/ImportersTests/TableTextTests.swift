import Importers
import ServiceTable
import Testing

/// The YAML that importers write.
@Suite struct TableTextTests {
    private func text(_ services: DraftService...) -> String {
        var table = TableDraft()
        for service in services { table.add(service) }
        return TableText(table).text
    }

    private func service(_ name: String = "s", exec: [String]) -> DraftService {
        var service = DraftService(name, at: SourcePlace("inetd.conf", 1))
        service["exec"] = .texts(exec)
        service["listen"] = .text("127.0.0.1:0")
        return service
    }

    @Test("keys come in the order of the manual, and only what needs quotes has them")
    func layout() {
        var finger = service("finger", exec: ["/usr/sbin/in.fingerd", "-w", "5", "a b", ""])
        finger.comments = ["inetd.conf:1: nothing"]
        finger["user"] = .text("nobody")
        finger["rate"] = .pairs(("rate", .word("256/min")), ("burst", .number(256)))
        finger["env"] = .pairs(("A", .text("1")), ("B", .text("x: y")), ("C", .text("")))
        finger["enabled"] = .bool(false)
        #expect(
            text(finger) == """
                services:
                  # inetd.conf:1: nothing
                  finger:
                    enabled: false
                    listen: 127.0.0.1:0
                    exec: [/usr/sbin/in.fingerd, -w, "5", a b, ""]
                    rate: {rate: 256/min, burst: 256}
                    user: nobody
                    env:
                      A: "1"
                      B: "x: y"
                      C: ""

                """)
    }

    @Test("a list of mappings is written one element after the other")
    func blocks() {
        var app = service("app", exec: ["/bin/app"])
        app["listen"] = .list([
            .pairs(("address", .text("unix:///run/a")), ("mode", .word("0600")), ("owner", .text("root"))),
            .text("*:80"),
        ])
        #expect(
            text(app) == """
                services:
                  app:
                    listen:
                      - address: unix:///run/a
                        mode: 0600
                        owner: root
                      - "*:80"
                    exec: [/bin/app]

                """)
    }

    @Test("names are made fit and unique")
    func names() {
        var udp = service("echo", exec: ["/x"])
        udp.protocolName = "udp"
        let services = [
            service("echo", exec: ["/x"]), udp, udp, service("[::1]:7", exec: ["/x"]), service("", exec: ["/x"]),
        ]
        var table = TableDraft()
        for service in services { table.add(service) }
        #expect(table.services.map(\.name) == ["echo", "echo-udp", "echo-udp-2", "1--7", "service"])
        for _ in 0..<3 { table.add(service(String(repeating: "x", count: 100), exec: ["/x"])) }
        #expect(table.services.suffix(3).allSatisfy { $0.name.count <= 64 })
    }

    @Test(
        "every text comes back from the reader as it was",
        arguments: [
            ["/bin/x", "a"], ["/bin/x", ""], ["/bin/x", " a", "a ", "a\tb", "a\nb", "a\rb"],
            ["/bin/x", "'", "\"", "\\", "#", "a #b", "a#b", "a: b", "a:", ":a", "-", "- a", "--a", "-a"],
            ["/bin/x", "yes", "No", "null", "~", "true", "1", "0x1f", "1e3", "12:30", "1_000", "2001-01-01", ".5"],
            ["/bin/x", "{a}", "[a]", "a,b", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", "?", "? a", "=", "<<"],
            ["/bin/x", "é", "日本", "\u{1}", "\u{7f}", "\u{85}", "\u{a0}", "\u{2028}", "\u{feff}", "\u{1f600}", "---"],
            ["/bin/x", String(repeating: "ab ", count: 500), String(repeating: "x", count: 2000)],
        ])
    func roundTrip(_ words: [String]) {
        let yaml = text(service(exec: words))
        let loaded = ServiceTableReader.read(text: Array(yaml.utf8), name: "t", resolving: false)
        #expect(loaded.faults.isEmpty, "\(loaded.faults)\n\(yaml)")
        guard case .exec(let program)? = loaded.table?.services.first?.dispatch else {
            Issue.record("no exec")
            return
        }
        #expect(program.arguments == words)
    }

    @Test("comments never leave their lines")
    func comments() {
        var one = service(exec: ["/bin/x"])
        one.comments = ["a\nservices: {}\u{2028}b\u{85}c\r", String(repeating: "word ", count: 100)]
        let yaml = text(one)
        let loaded = ServiceTableReader.read(text: Array(yaml.utf8), name: "t", resolving: false)
        #expect(loaded.table?.services.count == 1, "\(loaded.faults)\n\(yaml)")
        #expect(yaml.split(separator: "\n").allSatisfy { $0.count <= 130 })
    }

    @Test("each line of a service knows the line of its source")
    func places() {
        var one = service(exec: ["/bin/x"])
        one.set("user", .text("nobody"), at: SourcePlace("d/x", 9))
        var table = TableDraft()
        table.add(one)
        #expect(
            TableText(table).placeLines
                == "#@ 2 1 inetd.conf\n#@ 3 1 inetd.conf\n#@ 4 1 inetd.conf\n#@ 5 9 d/x\n")
    }
}
