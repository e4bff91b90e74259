import Foundation
import TestSupport

/// Where the daemons of examples/legacy-handlers/daemons.yaml find their files: a directory of the test's own. The table
/// is the example's, with these paths and free ports.
struct DaemonPlace {
    let directory: TemporaryDirectory
    let table: String

    init() throws {
        directory = try TemporaryDirectory()
        var table = try String(
            contentsOfFile: Repository.path("examples/legacy-handlers/daemons.yaml"), encoding: .utf8)
        table.replace(/listen: .*/, with: "listen: 127.0.0.1:0")
        let paths = [
            "/etc/rsyncd.conf": directory.path("rsyncd.conf"), "/etc/vsftpd.conf": directory.path("vsftpd.conf"),
            "/etc/ssh/sshd_config": directory.path("sshd_config"), "/srv/cvs": directory.path("cvs"),
            "-bs]": "-bs, -C, \(directory.path("exim.conf"))]",
        ]
        for (path, ours) in paths { table.replace(path, with: ours) }
        self.table = table
    }

    func path(_ name: String) -> String { directory.path(name) }

    /// Runs a script of a daemon's preparation.
    func shell(_ script: String) throws {
        let output = try runProgram("/bin/sh", ["-ec", script], directory: directory.path)
        guard output.status == .exited(0) else { throw TestFailure("\(script): \(output)") }
    }

    /// Bytes that no text conversion and no buffer's size leaves as they were by chance.
    func writeNoise(_ name: String, bytes: Int) throws {
        try shell("head -c \(bytes) /dev/urandom >\(name)")
    }

    func areSame(_ one: String, _ other: String) -> Bool {
        FileManager.default.contentsEqual(atPath: path(one), andPath: path(other))
    }
}

/// A client that ran to its end, and well.
@discardableResult
func client(
    _ program: String, _ arguments: [String], environment: [String: String]? = nil, in directory: String? = nil
) throws -> String {
    let output = try runProgram(
        program, arguments, environment: environment, directory: directory, deadline: Deadline(seconds: 60))
    guard output.status == .exited(0) else { throw TestFailure("\(program) \(arguments): \(output)") }
    return output.standardOutput
}
