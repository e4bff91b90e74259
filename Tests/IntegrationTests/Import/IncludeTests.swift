import Glibc
import TestSupport
import Testing

/// Other super-servers' configurations behind `include`: converted by `baton import`, and served.
@Suite struct ForeignIncludeTests {
    private static let table = """
        include: [{inetd: inetd.conf}, {xinetd: xinetd.d}]
        services: {own: {listen: "127.0.0.1:0", internal: echo}}
        """

    private static func xinetd(_ name: String, _ attributes: String...) -> String {
        let common = ["type = UNLISTED", "port = 0", "bind = 127.0.0.1", "socket_type = stream", "wait = no"]
        return "service \(name)\n{\n" + (common + attributes).map { " \($0)\n" }.joined() + "}\n"
    }

    private func check(_ directory: TemporaryDirectory, _ options: String...) throws -> ProgramOutput {
        try directory.write("baton.yaml", Self.table)
        return try runProgram(Repository.product("baton"), ["check"] + options + [directory.path("baton.yaml")])
    }

    @Test("services of an inetd.conf and of an xinetd.d are served beside the table's own")
    func served() throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "inetd.conf", "\(directory.path("cat.sock")) stream unix nowait root /bin/cat cat\n")
        try directory.write(
            "xinetd.d/env", Self.xinetd("env", "user = root", "server = /usr/bin/env", "env = COLOUR=green"))
        try directory.write("xinetd.d/skipped.rpmsave", "rubbish\n")
        try withSupervisor(Self.table, in: directory) { supervisor in
            let cat = try TestSocket.unix(directory.path("cat.sock"))
            try cat.send("through inetd\n")
            try cat.finishSending()
            #expect(try cat.receiveText() == "through inetd\n")
            let lines = try TestSocket.tcp(port: supervisor.port("env")).receiveText().split(separator: "\n")
            #expect(lines.contains("COLOUR=green"))
            #expect(lines.contains("REMOTE_HOST=127.0.0.1"))
            let own = try TestSocket.tcp(port: supervisor.port("own"))
            try own.send("x")
            #expect(try own.receive(exactly: 1) == [UInt8(ascii: "x")])
        }
    }

    @Test("faults are told in the source's file and line, and nothing is taken")
    func faults() throws {
        let directory = try TemporaryDirectory()
        let inetd = try directory.write(
            "inetd.conf", "127.0.0.1:9 stream tcp nowait root /bin/cat cat\nfoo stream\n")
        let xinetd = try directory.write(
            "xinetd.d/a", Self.xinetd("a", "server = /no/such/program", "user = no-such-user-here", "flags = IDONLY"))
        let output = try check(directory)
        #expect(output.status == .exited(78))
        let lines = output.standardError.split(separator: "\n").map(String.init)
        #expect(lines.contains { $0.hasPrefix("\(inetd):2:1: error: a protocol is missing") }, "\(lines)")
        #expect(lines.contains { $0.hasPrefix("\(xinetd):8:1: error: services.a.exec: the program /no/such/program") })
        #expect(lines.contains { $0.hasPrefix("\(xinetd):9:1: error: services.a.user: there is no user") })
        #expect(lines.contains { $0.hasPrefix("\(xinetd):10:1: warning: flags = IDONLY: not expressible") })
        let run = #expect(throws: RunningSupervisor.NotReady.self) {
            _ = try RunningSupervisor(Self.table, in: directory)
        }
        #expect(run?.status == .exited(78))
        #expect(run?.log.contains("\(inetd):2:1: error: a protocol is missing") == true)
    }

    @Test("--no-resolve reaches the conversion; what is lost is a warning only")
    func noResolve() throws {
        let directory = try TemporaryDirectory()
        try directory.write("inetd.conf", "no-such-port stream tcp nowait nobody/daemon /no/such x\n")
        try directory.write("xinetd.d/empty", "")
        let output = try check(directory, "--no-resolve")
        #expect(output.status == .exited(0), "\(output)")
        #expect(output.standardError.contains(":1:1: warning: "))
        #expect(try check(directory).status == .exited(78))
    }

    @Test("a name that stands in two sources is a fault that names both")
    func names() throws {
        let directory = try TemporaryDirectory()
        let inetd = try directory.write("inetd.conf", "own stream tcp nowait root /bin/cat cat\n")
        try directory.write("xinetd.d/empty", "")
        let output = try check(directory, "--no-resolve")
        #expect(output.status == .exited(78))
        #expect(output.standardError.contains("\(inetd):1:1: error: services.own: a service of this name stands at"))
    }

    @Test("a source that is not there, or that others can write, is a fault")
    func untrusted() throws {
        let directory = try TemporaryDirectory()
        try directory.write("xinetd.d/empty", "")
        #expect(try check(directory).standardError.contains("inetd.conf: error: cannot be read"))
        try directory.write("inetd.conf", "", mode: 0o666)
        #expect(try check(directory).standardError.contains("can be written by others"))
    }

    @Test("regression: so is a directory of sources to which others can add one")
    func untrustedDirectory() throws {
        let directory = try TemporaryDirectory()
        try directory.write("inetd.conf", "")
        try directory.write("xinetd.d/empty", "")
        try #require(chmod(directory.path("xinetd.d"), 0o777) == 0)
        let output = try check(directory)
        #expect(output.status == .exited(78))
        #expect(output.standardError.contains("xinetd.d can be written by others (mode 777)"), "\(output)")
    }

    @Test("a FIFO as a source does not hang the conversion")
    func fifo() throws {
        let directory = try TemporaryDirectory()
        try directory.write("xinetd.d/empty", "")
        #expect(mkfifo(directory.path("inetd.conf"), 0o600) == 0)
        #expect(try check(directory).standardError.contains("is no regular file"))
    }
}
