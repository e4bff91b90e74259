import Foundation

/// A view of the file system for a program under test alone.
package enum MountNamespace {
    /// Whether this machine lets us make one: root does.
    package static let isAvailable: Bool = {
        let output = try? runProgram("unshare", ["--mount", "--propagation", "private", "true"])
        return output?.status == .exited(0)
    }()

    /// A program that becomes `baton` where `setup`, commands of a shell, have changed what is mounted.
    ///
    /// - Parameter options: further ones of unshare(1), such as `--pid`.
    package static func wrapped(
        _ name: String = "baton", after setup: String, options: String = "", in directory: TemporaryDirectory
    ) throws -> String {
        try directory.writeScript(
            "in-mounts",
            """
            exec unshare --mount --propagation private \(options) -- /bin/sh -ec '
            \(setup)
            exec "$0" "$@"' \(Repository.product(name)) "$@"
            """)
    }
}
