import Glibc

/// One failure: that of the `occurrence`th call that a process of this kind makes from the moment it is asked for, or, where
/// it lasts, of that and all that follow.
package struct SystemCallFault: Hashable, Sendable, CustomStringConvertible {
    package let role: ProcessRole
    package let call: FallibleCall
    package let occurrence: Int
    package let error: Int32
    package let lasts: Bool

    package init(_ role: ProcessRole, _ call: FallibleCall, occurrence: Int, error: Int32, lasts: Bool = false) {
        self.role = role
        self.call = call
        self.occurrence = occurrence
        self.error = error
        self.lasts = lasts
    }

    package var description: String {
        "\(role): \(call.name) \(occurrence)\(lasts ? "…" : ""): \(String(cString: strerror(error))) (\(error))"
    }
}

/// What a process of the program under test is, by its command line.
package enum ProcessRole: String, Hashable, Sendable, CaseIterable {
    /// The one that was started: with a `supervisor_user` it is the monitor.
    case supervisor
    case worker, launcher, loader, names, metrics
    /// Answers and ends.
    case brief
    /// Not there yet: between clone and exec.
    case child
    /// Somebody else's program, whose calls go their way.
    case other

    /// - Parameter program: The file that it runs from.
    init(program: String, arguments: [String]) {
        guard program.hasSuffix("/batond") || program.hasSuffix("/batond (deleted)") else {
            self = .other
            return
        }
        switch arguments.dropFirst().first {
        case "run": self = .supervisor
        case "worker": self = .worker
        case "launcher": self = .launcher
        case "load": self = .loader
        case "names": self = .names
        case "metrics": self = .metrics
        case "can-take-over", "--version": self = .brief
        default: self = .other
        }
    }
}
