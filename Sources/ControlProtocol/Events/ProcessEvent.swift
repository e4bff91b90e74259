/// What happens to a process of a handler.
package enum ProcessEvent: Hashable, Sendable {
    /// `listener`: what a `wait` handler was given; nil with a connection.
    case spawned(pid: Int, listener: String? = nil)
    /// `stage`: the step between clone and exec that failed.
    case spawnFailed(stage: String, error: String)
    /// `duration`: since it was spawned; nil when it is not to be told.
    case exited(pid: Int, ProcessEnd, duration: Duration?)
    /// It was sent a signal by the supervisor: `runtime_limit`, a stop.
    case signalled(pid: Int, signal: String, why: String)
    /// What it said of itself, or that it was silent for so long.
    case notified(pid: Int, ProcessStatus.State, why: String? = nil)
    /// A line that it wrote to its standard error.
    case standardError(pid: Int, line: String)
    /// Lines over 100 a second were passed over.
    case standardErrorDropped(lines: Int)

    /// A line of standard error is cut here, in bytes.
    package static let longestLine = 1024

    package var name: EventName {
        switch self {
        case .spawned: .spawned
        case .spawnFailed: .spawnFailed
        case .exited: .exited
        case .signalled: .signalled
        case .notified(_, .ready, _): .processReady
        case .notified(_, .stopping, _): .processStopping
        case .notified(_, .unresponsive, _): .processUnresponsive
        case .standardError: .standardError
        case .standardErrorDropped: .standardErrorDropped
        }
    }

    package var level: EventLevel {
        switch self {
        // The line of its exit says all that there is to say of a connection.
        case .spawned(_, let listener): listener == nil ? .debug : .info
        case .standardError: .info
        case .notified(_, let state, _): state == .unresponsive ? .warning : .info
        case .exited(_, let end, _): end.level
        case .signalled: .notice
        case .standardErrorDropped: .warning
        case .spawnFailed: .error
        }
    }

    package var details: EventDetails {
        switch self {
        case .spawned(let pid, let listener):
            let target = listener.map { " for listener \($0.printable())" } ?? ""
            return EventDetails("spawned pid \(pid)\(target)", pid: pid, more: members("listener", listener))
        case .spawnFailed(let stage, let error):
            return EventDetails(
                "cannot start its program: \(stage.printable()): \(error.printable())", reason: error,
                more: ["stage": .string(stage)])
        case .exited(let pid, let end, let duration):
            let time = duration.map { " after \($0.brief)" } ?? ""
            return EventDetails(
                "pid \(pid) \(end.words)\(time)", pid: pid, status: end.status,
                duration: duration, more: members("signal", end.signalName))
        case .signalled(let pid, let signal, let why):
            return EventDetails(
                "pid \(pid) sent \(signal): \(why.printable())", reason: why, pid: pid,
                more: ["signal": .string(signal)])
        case .notified(let pid, let state, let why):
            let words = why.map { ": \($0.printable())" } ?? ""
            return EventDetails(
                "pid \(pid) is \(state.rawValue)\(words)", reason: why, pid: pid)
        case .standardError(let pid, let line):
            return EventDetails("[\(pid)] \(line.printable(limit: Self.longestLine))", pid: pid)
        case .standardErrorDropped(let lines):
            return EventDetails(
                "\(counted(lines, "line")) of standard error not logged, or not whole: over 100 in a second, or over 1 KiB",
                more: ["lines": .integer(Int64(lines))])
        }
    }

    private func members(_ name: String, _ value: String?) -> JSONObject {
        var members = JSONObject()
        members.append(name, value.map { .string($0) })
        return members
    }
}

/// How a process ended.
package enum ProcessEnd: Hashable, Sendable {
    case status(Int)
    /// `name`: without SIG.
    case signal(name: String, coreDumped: Bool)

    var status: Int? { if case .status(let status) = self { status } else { nil } }
    var signalName: String? { if case .signal(let name, _) = self { name } else { nil } }

    /// Other signals are how clients that leave (PIPE) and administrators end things.
    package var isCrash: Bool {
        guard case .signal(let name, let coreDumped) = self else { return false }
        return coreDumped || ["SEGV", "BUS", "ILL", "FPE", "ABRT", "SYS"].contains(name)
    }

    /// A crash is worth a warning.
    var level: EventLevel {
        if isCrash { return .warning }
        return self == .status(0) ? .info : .notice
    }

    package var words: String {
        switch self {
        case .status(let status): "exited with status \(status)"
        case .signal(let name, let coreDumped): "was ended by signal \(name)\(coreDumped ? " (core dumped)" : "")"
        }
    }
}
