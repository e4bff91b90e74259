/// What happens to the supervisor itself.
package enum SupervisorEvent: Hashable, Sendable {
    case starting(version: String, pid: Int)
    case tableLoaded(file: String, services: Int)
    /// A fault of the table, or a warning.
    case tableFault(TableFault)
    /// Every listener has been tried.
    case ready(services: Int, listening: Int, retrying: Int, after: Duration)
    /// `why`: the signal or the request.
    case stopping(why: String)
    case stopped(after: Duration)
    case launcherReplaced(pid: Int, why: String)
    /// Messages to NOTIFY_SOCKET that were no handler's, or no notification, in the last second or so.
    case notificationsDropped(count: Int, pid: Int, why: String)
    /// So many listeners were bound already: a service manager passed them.
    case listenersAdopted(count: Int)
    /// A descriptor that a service manager passed and that no listener of the table can use.
    case passedInVain(name: String, what: String)
    /// What the log could not take, told once it takes again.
    case logDropped(lines: Int, why: String)
    /// Something that the supervisor can live without did not work: `what` it was about.
    case impaired(what: String, error: String)

    package var level: EventLevel {
        switch self {
        case .starting, .ready, .stopping, .stopped: .notice
        case .tableLoaded, .listenersAdopted: .info
        case .tableFault(let fault): fault.severity == .error ? .error : .warning
        case .launcherReplaced, .impaired, .notificationsDropped, .logDropped, .passedInVain: .warning
        }
    }

    package var details: EventDetails {
        switch self {
        case .starting(let version, let pid):
            return EventDetails(
                "starting", "baton \(version) starting, pid \(pid)", pid: pid, more: ["version": .string(version)])
        case .tableLoaded(let file, let services):
            return EventDetails(
                "table_loaded", "\(file.printable()): \(counted(services, "service"))",
                more: ["table": .string(file), "services": .integer(Int64(services))])
        case .tableFault(let fault):
            let place = fault.line > 0 ? "\(fault.file):\(fault.line):\(fault.column)" : fault.file
            let key = fault.key.isEmpty ? "" : fault.key + ": "
            return EventDetails(
                "table_fault", "\(place.printable()): \(key.printable())\(fault.message.printable(limit: 1024))",
                reason: fault.message, more: ["fault": fault.json])
        case .ready(let services, let listening, let retrying, let after):
            let missing = retrying == 0 ? "" : ", \(counted(retrying, "listener")) not bound yet"
            return EventDetails(
                "ready",
                "ready after \(after.brief): \(counted(services, "service")), \(counted(listening, "listener"))\(missing)",
                duration: after,
                more: ["listening": .integer(Int64(listening)), "retrying": .integer(Int64(retrying))])
        case .stopping(let why):
            return EventDetails("stopping", "stopping (\(why.printable()))", reason: why)
        case .stopped(let after):
            return EventDetails("stopped", "stopped, \(after.brief) after it was asked to", duration: after)
        case .launcherReplaced(let pid, let why):
            return EventDetails(
                "launcher_replaced", "launcher \(pid) replaced: \(why.printable())", reason: why, pid: pid)
        case .notificationsDropped(let count, let pid, let why):
            return EventDetails(
                "notifications_dropped",
                "\(counted(count, "message")) to NOTIFY_SOCKET dropped; the last, from pid \(pid): \(why.printable())",
                reason: why, pid: pid, more: ["count": .integer(Int64(count))])
        case .listenersAdopted(let count):
            return EventDetails(
                "listeners_adopted", "\(counted(count, "listener")) taken over from the service manager",
                more: ["count": .integer(Int64(count))])
        case .passedInVain(let name, let what):
            return EventDetails(
                "passed_in_vain",
                "closed a descriptor \(name.printable()) (\(what.printable())) that the service manager passed: "
                    + "no listener can use it",
                more: ["name": .string(name), "what": .string(what)])
        case .logDropped(let lines, let why):
            return EventDetails(
                "log_dropped", "\(counted(lines, "line")) of this log dropped: \(why.printable())", reason: why,
                more: ["lines": .integer(Int64(lines))])
        case .impaired(let what, let error):
            return EventDetails(
                "impaired", "\(what.printable()): \(error.printable())", reason: error, more: ["what": .string(what)])
        }
    }
}

/// `1 service`, `2 services`.
package func counted(_ count: Int, _ noun: String) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
}
