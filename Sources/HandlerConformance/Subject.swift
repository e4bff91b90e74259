internal import LinuxSystem

/// The handler under test: what is started, and what a client of it says.
package struct Subject: Sendable {
    /// Absolute.
    package var path: String
    /// argv[0] first.
    package var arguments: [String]
    /// BATON_SERVICE, and what REGISTER must name.
    package var service = "test"
    package var exchange = Exchange()
    /// The longest a check waits for any one thing that the handler must do.
    package var patience: Duration = .seconds(5)
    let running = RunningHandlers()

    package init(path: String, arguments: [String]) {
        self.path = path
        self.arguments = arguments
    }

    /// What clients send, and what they wait for.
    package struct Exchange: Sendable {
        /// Empty: a client sends nothing.
        package var request: [UInt8] = []
        /// What an answer has in it; nil: none is waited for.
        package var answer: [UInt8]?
        /// What makes the handler pass the connection on; nil: it passes none.
        package var passRequest: [UInt8]?

        package init() {}
    }

    /// The most bytes of a request: as drained bytes it must fit a BATON.
    package static let mostRequestBytes = 32_768

    /// Where the shell would find a program; nil where there is none that can be executed.
    package static func program(named name: String) -> String? {
        if name.contains("/") {
            let path = name.hasPrefix("/") ? name : (CurrentProcess.workingDirectory ?? "") + "/" + name
            return isProgram(path) ? path : nil
        }
        let directories = (CurrentProcess.environment("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        return directories.lazy.map { "\($0)/\(name)" }.first(where: isProgram)
    }

    private static func isProgram(_ path: String) -> Bool {
        FileSystem.entry(at: path) == .file(executable: true)
    }
}
