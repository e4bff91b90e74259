internal import ArgumentParser
internal import LinuxSystem

/// Which supervisor a command talks to.
struct SupervisorOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The supervisor's runtime directory.",
            discussion: """
                Default: BATON_RUNTIME_DIRECTORY, else /run/baton as root, else $XDG_RUNTIME_DIR/baton, else \
                /tmp/baton-UID.
                """,
            valueName: "dir"))
    var runtimeDirectory: String?

    /// The directory named by the option or the environment, else that of this uid.
    var directory: RuntimeDirectory {
        named ?? .standardOfThisUser
    }

    /// The directory that somebody named.
    var named: RuntimeDirectory? {
        (runtimeDirectory ?? CurrentProcess.environment("BATON_RUNTIME_DIRECTORY")).map { RuntimeDirectory(path: $0) }
    }

    func validate() throws {
        if runtimeDirectory == "" { throw ValidationError("--runtime-directory: the name of a directory is expected") }
    }
}

extension RuntimeDirectory {
    static var standardOfThisUser: RuntimeDirectory {
        standard(uid: CurrentProcess.uid, session: CurrentProcess.environment("XDG_RUNTIME_DIR"))
    }
}
