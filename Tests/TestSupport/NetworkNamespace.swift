import Foundation

/// A network of its own for a program under test: it has nothing but a loopback interface.
package enum NetworkNamespace {
    /// What makes one, in front of a command, without a further process; nil where this machine does not let us.
    package static let command: [String]? = {
        // Whoever may not as he is may as root of a user namespace of his own, on most machines.
        [["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]].first { command in
            let output = try? runProgram(command[0], command.dropFirst() + ["true"])
            return output?.status == .exited(0)
        }
    }()

    /// The program `name` of the build, in a network of its own: a script in `directory`.
    package static func wrapped(_ name: String, in directory: TemporaryDirectory) throws -> String {
        guard let command else { throw TestFailure("no network namespaces here") }
        // Before its first interface is up, a network lets everybody bind to any IPv4 address.
        let script = """
            #!/bin/sh
            exec \(command.joined(separator: " ")) -- \
                /bin/sh -c 'ip link set lo up && exec "$0" "$@"' \(Repository.product(name)) "$@"

            """
        return try directory.write("in-network", script, mode: 0o755)
    }

    /// Runs a program in the network of `process`.
    package static func run(_ program: String, _ arguments: [String], inNetworkOf process: pid_t) throws
        -> ProgramOutput
    {
        let user = command?.contains("--user") == true ? ["--user", "--preserve-credentials"] : []
        return try runProgram(
            "nsenter", ["--target", "\(process)", "--net"] + user + ["--", program] + arguments)
    }
}
