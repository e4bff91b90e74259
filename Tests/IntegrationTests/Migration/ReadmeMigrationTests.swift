import Foundation
import TestSupport
import Testing

/// The commands of "Migration in one command" in README.md and of docs/migration.md, as they stand there.
@Suite struct ReadmeMigrationTests {
    /// The indented lines behind a heading.
    private func commands(_ file: String, after heading: String) throws -> [String] {
        let text = try String(contentsOfFile: Repository.path(file), encoding: .utf8)
        let start = try #require(text.range(of: heading)).upperBound
        let lines = text[start...].split(separator: "\n", omittingEmptySubsequences: false)
        let block = lines.drop { !$0.hasPrefix("    ") }.prefix { $0.hasPrefix("    ") || $0.isEmpty }
        return block.map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }.map { String($0) }
    }

    /// Files of each kind, at the places that the commands name.
    private func place() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        try directory.write(
            "etc/inetd.conf",
            ":root:root:0600:\(directory.path("inetd.sock")) stream unix nowait root /bin/cat cat\n")
        try directory.write(
            "etc/xinetd.conf", "defaults\n{\n instances = 9\n}\nincludedir \(directory.path("etc/xinetd.d"))\n")
        try directory.write(
            "etc/xinetd.d/echo",
            "service echo\n{\n type = INTERNAL UNLISTED\n port = 7007\n socket_type = stream\n protocol = tcp\n"
                + " wait = no\n user = root\n}\n")
        try directory.write(
            "etc/systemd/system/cat.socket", "[Socket]\nListenStream=\(directory.path("unit.sock"))\nAccept=yes\n")
        try directory.write(
            "etc/systemd/system/cat@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
        return directory
    }

    private func run(_ command: String, in directory: TemporaryDirectory) throws -> ProgramOutput {
        let local = command.replacing("/etc/", with: directory.path("etc/"))
        return try runProgram(
            "/bin/sh", ["-ec", local],
            environment: ["PATH": "\(Repository.products):/usr/sbin:/usr/bin:/sbin:/bin"],
            directory: directory.path, deadline: Deadline(seconds: 60))
    }

    @Test(
        "each import of README and guide gives a table that baton check takes",
        arguments: [("README.md", "## Migration in one command"), ("docs/migration.md", "# The way over to Baton")])
    func imports(_ file: String, _ heading: String) throws {
        let directory = try place()
        let imports = try commands(file, after: heading).filter { $0.contains("baton import") }
        #expect(imports.count >= 3)
        for command in imports {
            let output = try run(command, in: directory)
            #expect(output.status == .exited(0), "\(command): \(output.standardError)")
            let check = try run("baton check baton.yaml", in: directory)
            #expect(check.status == .exited(0), "\(command): \(check.standardError)")
        }
    }

    @Test("the imported services answer", arguments: [("inetd", "inetd.sock"), ("systemd", "unit.sock")])
    func answers(_ format: String, _ socket: String) throws {
        let directory = try place()
        let imports = try commands("README.md", after: "## Migration in one command")
        let command = try #require(imports.first { $0.contains("baton import \(format)") })
        #expect(try run(command, in: directory).status == .exited(0))
        try withSupervisor(try directory.read("baton.yaml"), in: directory) { _ in
            let client = try TestSocket.unix(directory.path(socket))
            try client.send("hello")
            #expect(try client.receive(exactly: 5) == Array("hello".utf8))
            client.close()
        }
    }

    @Test("tcpserver's command line: the one of the guide serves with descriptors 0 and 1 and the limits that it says")
    func tcpserver() throws {
        let commands = try commands("docs/migration.md", after: "## tcpserver")
        let command = try #require(commands.first { $0.contains("baton run") })
        // The words behind `baton run`, with a free port and a program that is there.
        let words = command.split(separator: " ").dropFirst(2).map { String($0.filter { $0 != "'" }) }
        let options = words.prefix { $0 != "--" }.map { $0.replacing("*:8080", with: "127.0.0.1:0") }
        let program = ["--", "/bin/sh", "-c", "echo $PROTO $TCPREMOTEIP $(id -u) $(id -g) arg"]
        guard geteuid() == 0 else { return }
        let supervisor = try RunningSupervisor("", arguments: options + program)
        let service = try #require(supervisor.status().services.first)
        let client = try TestSocket.tcp(port: try #require(service.listeners.first?.port))
        #expect(String(decoding: try client.receiveToEnd(), as: UTF8.self) == "TCP 127.0.0.1 1000 1000 arg\n")
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        try supervisor.expectEnd(of: family)
    }
}
