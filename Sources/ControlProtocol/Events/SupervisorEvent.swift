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
    /// The program on disk has passed its trial, and takes over next.
    case upgrading(to: String)
    /// It is another program now; versions.
    case upgraded(from: String, to: String)
    /// The program is what it was.
    case upgradeFailed(why: String)
    case launcherReplaced(pid: Int, why: String)
    /// This worker goes on for one that died, with the processes and handlers that lived on.
    case workerReplaced(why: String, processes: Int, handlers: Int)
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

    package var name: EventName {
        switch self {
        case .starting: .starting
        case .tableLoaded: .tableLoaded
        case .tableFault: .tableFault
        case .reloading: .reloading
        case .reloaded: .reloaded
        case .reloadNote: .reloadNote
        case .reloadFailed: .reloadFailed
        case .ready: .ready
        case .stopping: .stopping
        case .stopped: .stopped
        case .upgrading: .upgrading
        case .upgraded: .upgraded
        case .upgradeFailed: .upgradeFailed
        case .launcherReplaced: .launcherReplaced
        case .workerReplaced: .workerReplaced
        case .notificationsDropped: .notificationsDropped
        case .listenersAdopted: .listenersAdopted
        case .passedInVain: .passedInVain
        case .logDropped: .logDropped
        case .impaired: .impaired
        }
    }

    package var level: EventLevel {
        switch self {
        case .starting, .ready, .stopping, .stopped, .reloaded, .upgraded: .notice
        case .tableLoaded, .reloading, .upgrading, .listenersAdopted: .info
        case .reloadFailed, .upgradeFailed, .workerReplaced: .error
        case .tableFault(let fault): fault.severity == .error ? .error : .warning
        case .launcherReplaced, .impaired, .notificationsDropped, .reloadNote, .logDropped, .passedInVain: .warning
        }
    }

    package var details: EventDetails {
        switch self {
        case .starting(let version, let pid):
            return EventDetails(
                "baton \(version) starting, pid \(pid)", pid: pid, more: ["version": .string(version)])
        case .tableLoaded(let file, let services):
            return EventDetails(
                "\(file.printable()): \(counted(services, "service"))",
                more: ["table": .string(file), "services": .integer(Int64(services))])
        case .tableFault(let fault):
            return EventDetails(
                "\(fault.place.printable()): \(fault.words)",
                reason: fault.message, more: ["fault": fault.json])
        case .reloading(let why):
            return EventDetails("reloading (\(why.printable()))", reason: why)
        case .reloaded(let report):
            return EventDetails(
                "reloaded: \(report.summary.printable(limit: 1024))",
                more: [
                    "added": .integer(Int64(report.added.count)), "removed": .integer(Int64(report.removed.count)),
                    "changed": .integer(Int64(report.changed.count)), "unchanged": .integer(Int64(report.unchanged)),
                ])
        case .reloadNote(let note):
            return EventDetails(note.printable(limit: 1024), reason: note)
        case .reloadFailed(let why):
            return EventDetails(
                "reload failed: \(why.printable())", reason: why)
        case .ready(let services, let listening, let retrying, let after):
            let missing = retrying == 0 ? "" : ", \(counted(retrying, "listener")) not bound yet"
            return EventDetails(
                "ready after \(after.brief): \(counted(services, "service")), \(counted(listening, "listener"))\(missing)",
                duration: after,
                more: ["listening": .integer(Int64(listening)), "retrying": .integer(Int64(retrying))])
        case .stopping(let why):
            return EventDetails("stopping (\(why.printable()))", reason: why)
        case .stopped(let after):
            return EventDetails("stopped, \(after.brief) after it was asked to", duration: after)
        case .upgrading(let version):
            return EventDetails(
                "baton \(version.printable()) is about to take over", more: ["version": .string(version)])
        case .upgraded(let former, let version):
            return EventDetails(
                "baton \(version) has taken over from \(former.printable())",
                more: ["version": .string(version), "former": .string(former)])
        case .upgradeFailed(let why):
            return EventDetails(
                "upgrade failed, and nothing has changed: \(why.printable(limit: 1024))", reason: why)
        case .launcherReplaced(let pid, let why):
            return EventDetails(
                "launcher \(pid) replaced: \(why.printable())", reason: why, pid: pid)
        case .workerReplaced(let why, let processes, let handlers):
            return EventDetails(
                "the worker before ended with \(why.printable()); "
                    + "\(counted(processes, "process", "processes")) and \(counted(handlers, "handler")) go on",
                reason: why,
                more: ["processes": .integer(Int64(processes)), "handlers": .integer(Int64(handlers))])
        case .notificationsDropped(let count, let pid, let why):
            return EventDetails(
                "\(counted(count, "message")) to NOTIFY_SOCKET dropped; the last, from pid \(pid): \(why.printable())",
                reason: why, pid: pid, more: ["count": .integer(Int64(count))])
        case .listenersAdopted(let count):
            return EventDetails(
                "\(counted(count, "listener")) taken over from the service manager",
                more: ["count": .integer(Int64(count))])
        case .passedInVain(let name, let what):
            return EventDetails(
                "closed a descriptor \(name.printable()) (\(what.printable())) that the service manager passed: "
                    + "no listener can use it",
                more: ["name": .string(name), "what": .string(what)])
        case .logDropped(let lines, let why):
            return EventDetails(
                "\(counted(lines, "line")) of this log dropped: \(why.printable())", reason: why,
                more: ["lines": .integer(Int64(lines))])
        case .impaired(let what, let error):
            return EventDetails(
                "\(what.printable()): \(error.printable())", reason: error, more: ["what": .string(what)])
        }
    }
}

/// `1 service`, `2 services`.
package func counted(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(plural ?? noun + "s")"
}
