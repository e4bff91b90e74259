import Foundation
import Importers
import TestSupport
import Testing

/// Units of systemd that several files make up, and what is told of each.
@Suite struct SystemdDirectoryTests {
    @Test("drop-ins are read after the unit, in the order of their names, and take back by an empty assignment")
    func dropIns() throws {
        let imported = try Imported(
            .systemd, ("x-y.socket", "[Socket]\nListenStream=80\n"), ("x-y.service", "[Service]\nExecStart=/bin/a\n"),
            ("x-y.socket.d/20-b.conf", "[Socket]\nListenStream=82\n"),
            ("x-y.socket.d/10-a.conf", "[Socket]\nListenStream=\nListenStream=81\n"),
            ("x-.service.d/c.conf", "[Service]\nNice=3\n"), ("service.d/c.conf", "[Service]\nNice=4\n"),
            ("service.d/d.conf", "[Service]\nUMask=0\n"), ("x-y.service.d/no", "[Service]\nNice=5\n"))
        #expect(
            imported.services == """
                x-y:
                  listen:
                    - address: 81
                      name: x-y.socket
                    - address: 82
                      name: x-y.socket
                  exec: [/bin/a]
                  style: systemd
                  wait: true
                  umask: 00
                  nice: 3
                """)
        let files = Set(imported.report.directives.map { ($0.place.file as NSString).lastPathComponent })
        #expect(files == ["x-y.socket", "x-y.service", "20-b.conf", "10-a.conf", "c.conf", "d.conf"])
    }

    @Test("instances of templates: %i is the instance, and its escapes are undone by %I and %f")
    func templates() throws {
        let files = [
            ("t@.socket", "[Socket]\nListenStream=/run/%i\n[Install]\nDefaultInstance=d\n"),
            ("t@.service", "[Service]\nExecStart=/bin/x %i %I %f %n %p\n"),
        ]
        let named = try Imported(.systemd, files[0], files[1], path: "t@a-b\\x2dc.socket")
        #expect(
            named.services.contains("exec: [/bin/x, \"a-b\\\\x2dc\", a/b-c, /a/b-c, \"t@a-b\\\\x2dc.service\", t]"),
            "\(named.yaml)")
        #expect(try Imported(.systemd, files[0], files[1]).services.contains("listen: {address: /run/d, name"))
        let bare = try Imported(.systemd, ("t@.socket", "[Socket]\nListenStream=/run/%i\n"), files[1])
        #expect(bare.report.outcome == .incomplete)
        #expect(bare.report.table.services.isEmpty)
    }

    @Test("sockets of one service become one service, each with its own options")
    func several() throws {
        let imported = try Imported(
            .systemd,
            (
                "a.socket",
                "[Unit]\nBefore=b.service\n[Socket]\nListenStream=/run/a\nSocketMode=0600\nService=b.service\n"
            ),
            ("b.socket", "[Socket]\nListenStream=80\nNoDelay=yes\nFileDescriptorName=web\n"),
            (
                "b.service",
                "[Unit]\nRequires=a.socket b.socket\n[Service]\nSockets=a.socket b.socket\nExecStart=/bin/b\n"
            ),
            path: "")
        #expect(
            imported.services == """
                b:
                  listen:
                    - address: /run/a
                      name: a.socket
                      mode: 0600
                      remove_on_stop: false
                    - address: 80
                      name: web
                      no_delay: true
                  exec: [/bin/b]
                  style: systemd
                  wait: true
                """)
        #expect(imported.report.directives.allSatisfy { $0.fidelity == .exact }, "\(imported.remarks)")
        let byService = try Imported(
            .systemd, ("b.service", "[Service]\nSockets=a.socket\nExecStart=/bin/b\n"),
            ("a.socket", "[Socket]\nListenStream=80\nService=b.service\n"))
        #expect(byService.report.table.services.count == 1)
    }

    @Test("the good half of a broken directory is there: a socket without its service, bad lines, a masked unit")
    func broken() throws {
        let directory = try TemporaryDirectory()
        try directory.write("lost.socket", "[Socket]\nListenStream=81\n")
        try directory.write("good.socket", "Early=1\n[Socket\n[Socket]\nwhat is this\nListenStream=80\n=5\n")
        try directory.write("good.service", "[Service]\nExecStart=/bin/x\n[X-Mine]\nA=1\n[Other]\nB=1\n")
        try directory.write("empty.socket", "")
        symlink("/dev/null", directory.path("masked.socket"))
        let report = Importers.read(
            .systemd, paths: [directory.path, directory.path("none.socket"), directory.path("x.timer")],
            settings: ImportSettings(resolving: false))
        #expect(report.outcome == .unparsed)
        #expect(report.table.services.map(\.name) == ["good"])
        let messages = report.errors.map(\.words).joined(separator: "\n")
        for words in [
            "lost.service", "header ends in ]", "KEY=VALUE", "missing before the =", "no such unit", ".timer",
        ] {
            #expect(messages.contains(words), "\(words) in \(messages)")
        }
        #expect(report.warnings.contains { $0.contains("masked") })
        #expect(report.directives.contains { $0.text == "B=1" && $0.fidelity.kind == .approximated })
    }

    @Test("every assignment is told of once, with its line")
    func complete() throws {
        let text = "[Unit]\nDescription=d\nAfter=a\n\n[Socket]\n; c\nListenStream=80\nBacklog=1 \\\n\nX=2\n"
        let imported = try Imported(.systemd, ("x.socket", text), ("x.service", "[Service]\nExecStart=/x\n"))
        #expect(
            imported.report.directives.map { "\($0.place.line) \($0.text)" } == [
                "2 Description=d", "3 After=a", "7 ListenStream=80", "8 Backlog=1", "10 X=2", "2 ExecStart=/x",
            ])
        #expect(imported.yaml.contains("# d\n"))
    }
}
