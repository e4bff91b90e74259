/// What happens to the supervisor itself.
package enum SupervisorEvent: Hashable, Sendable {
    case starting(version: String, pid: Int)
    case tableLoaded(file: String, services: Int)
    /// A fault of the table, or a warning.
    case tableFault(TableFault)
    /// The table is being read anew. `why`: the signal or the request.
    case reloading(why: String)
    /// The new table is in force; handlers may still be rolling.
    case reloaded(ReloadReport)
    /// What a person should know of the reload.
    case reloadNote(String)
    /// Nothing was touched. The faults, if it is for them, are events of their own.
    case reloadFailed(why: String)
    /// Every listener has been tried.
    case ready(services: Int, listening: Int, retrying: Int, after: Duration)
    /// `why`: the signal or the request.
    case stopping(why: String)
    case stopped(after: Duration)
    case launcherReplaced(pid: Int, why: String)
    /// Messages to NOTIFY_SOCKET that were no handler's, or no notification, in the last second or so.
    case notificationsDropped(count: Int, pid: Int, why: String)
    /// Something that the supervisor can live without did not work: `what` it was about.
    case impaired(what: String, error: String)

    package var level: EventLevel {
        switch self {
        case .starting, .ready, .stopping, .stopped, .reloaded: .notice
        case .tableLoaded, .reloading: .info
        case .reloadFailed: .error
        case .tableFault(let fault): fault.severity == .error ? .error : .warning
        case .launcherReplaced, .impaired, .notificationsDropped, .reloadNote: .warning
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
            return EventDetails(
                "table_fault", "\(fault.place.printable()): \(fault.words)",
                reason: fault.message, more: ["fault": fault.json])
        case .reloading(let why):
            return EventDetails("reloading", "reloading (\(why.printable()))", reason: why)
        case .reloaded(let report):
            return EventDetails(
                "reloaded", "reloaded: \(report.summary.printable())",
                more: [
                    "added": .integer(Int64(report.added.count)), "removed": .integer(Int64(report.removed.count)),
                    "changed": .integer(Int64(report.changed.count)), "unchanged": .integer(Int64(report.unchanged)),
                ])
        case .reloadNote(let note):
            return EventDetails("reload_note", note.printable(limit: 1024), reason: note)
        case .reloadFailed(let why):
            return EventDetails(
                "reload_failed", "reload failed: \(why.printable())", reason: why)
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
        case .impaired(let what, let error):
            return EventDetails(
                "impaired", "\(what.printable()): \(error.printable())", reason: error, more: ["what": .string(what)])
        }
    }
}

/// `1 service`, `2 services`.
func counted(_ count: Int, _ noun: String) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
}
