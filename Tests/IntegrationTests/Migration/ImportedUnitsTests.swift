import Foundation
import TestSupport
import Testing

/// Tables that `baton import systemd` wrote, and a real supervisor that runs them.
@Suite struct ImportedUnitsTests {
    private func baton(_ arguments: [String]) throws -> ProgramOutput {
        try runProgram(Repository.product("baton"), arguments, deadline: Deadline(seconds: 60))
    }

    /// Units in a directory of their own, as a table.
    private func imported(_ units: [String: String], in directory: TemporaryDirectory) throws -> String {
        for (name, text) in units { try directory.write("units/\(name)", text) }
        let output = try baton(["import", "systemd", directory.path("units")])
        #expect(output.status == .exited(0), "\(output.standardError)")
        return output.standardOutput
    }

    @Test("Accept=yes and StandardInput=socket: the program reads and writes the connection, its environment as said")
    func perConnection() throws {
        let directory = try TemporaryDirectory()
        let table = try imported(
            [
                "say.socket": "[Socket]\nListenStream=\(directory.path("say"))\nAccept=yes\nMaxConnections=5\n",
                "say@.service":
                    "[Service]\nExecStart=-/bin/sh -c \\\n  'read a; echo \"$$a $$WORD %%\"'\n"
                    + "StandardInput=socket\nStandardError=journal\nEnvironment=\"WORD=of two\"\n",
            ], in: directory)
        try withSupervisor(table, in: directory) { supervisor in
            let client = try TestSocket.unix(directory.path("say"))
            try client.send("hello\n")
            #expect(String(decoding: try client.receiveToEnd(), as: UTF8.self) == "hello of two %\n")
            #expect(try supervisor.service("say").connections.accepted == 1)
        }
    }

    @Test("Accept=no: one process gets the sockets of both units by LISTEN_FDS, under their names")
    func allSockets() throws {
        let directory = try TemporaryDirectory()
        let script = directory.path("fds")
        try directory.write(
            "fds",
            """
            #!/usr/bin/python3
            import os, socket
            names = os.environ["LISTEN_FDNAMES"]
            assert int(os.environ["LISTEN_PID"]) == os.getpid()
            for number in range(int(os.environ["LISTEN_FDS"])):
                connection, _ = socket.socket(fileno=3 + number).accept()
                connection.sendall(names.encode())
                connection.close()
            """, mode: 0o755)
        let table = try imported(
            [
                "one.socket": "[Socket]\nListenStream=\(directory.path("one"))\nService=both.service\n",
                "two.socket":
                    "[Socket]\nListenStream=\(directory.path("two"))\nService=both.service\nFileDescriptorName=second\n",
                "both.service": "[Service]\nExecStart=\(script)\n",
            ], in: directory)
        try withSupervisor(table, in: directory) { supervisor in
            for name in ["one", "two"] {
                let client = try TestSocket.unix(directory.path(name))
                #expect(String(decoding: try client.receiveToEnd(), as: UTF8.self) == "one.socket:second")
            }
            #expect(try supervisor.service("both").connections.spawned == 1)
        }
    }

    @Test("exit codes, JSON with an entry for each directive, and warnings with file and line")
    func report() throws {
        let directory = try TemporaryDirectory()
        try directory.write("x.socket", "[Socket]\nListenStream=80\nSymlinks=/run/y\n")
        try directory.write("x.service", "[Service]\nExecStart=/bin/x\nType=notify\n")
        let plain = try baton(["import", "systemd", directory.path("x.socket")])
        #expect(plain.status == .exited(1))
        #expect(plain.standardError.contains("\(directory.path("x.socket")):3: warning: Symlinks="))
        let json = try baton(["import", "--json", "systemd", directory.path("x.socket")])
        let value = try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [String: Any]
        let directives = try #require(value?["directives"] as? [[String: Any]])
        #expect(directives.map { $0["line"] as? Int } == [2, 3, 2, 3])
        #expect(
            directives.map { $0["fidelity"] as? String } == ["exact", "not_expressible", "exact", "approximated"])
        #expect(value?["table"] as? String == plain.standardOutput)
        let none = try baton(["import", "systemd", directory.path("none.socket")])
        #expect(none.status == .exited(78) && none.standardOutput.isEmpty)
    }

    @Test("the units of this machine can be imported, and baton check takes what comes of them")
    func machine() throws {
        let units = "/lib/systemd/system"
        guard FileManager.default.fileExists(atPath: units + "/dbus.socket") else { return }
        let directory = try TemporaryDirectory()
        let output = try baton(["import", "--no-resolve", "systemd", units])
        try directory.write("table.yaml", output.standardOutput)
        let checked = try baton(["check", "--no-resolve", directory.path("table.yaml")])
        #expect(checked.status == .exited(0), "\(checked.standardError)")
    }
}
