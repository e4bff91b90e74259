internal import ControlProtocol
internal import ServiceTable

/// How things stand, in a line for `systemctl status`. Pure.
struct SupervisorSummary {
    var services = 0
    var listeners = 0
    /// Listeners that could not be bound.
    var unbound = 0
    /// Served, or waiting for a handler.
    var connections = 0
    /// Names of services whose handlers do not start.
    var failed: [String] = []

    private static let mostNames = 5

    /// Why it stops; nil while it does not.
    var stopping: String?

    var text: String {
        if let stopping { return "stopping (\(stopping)), \(counted(connections, "connection")) left" }
        var text = "\(counted(services, "service")), \(counted(listeners, "listener"))"
        text += ", \(counted(connections, "connection"))"
        if unbound > 0 { text += "; \(counted(unbound, "listener")) not bound" }
        if !failed.isEmpty {
            let more = failed.count > Self.mostNames ? " and \(failed.count - Self.mostNames) more" : ""
            text += "; failed: \(failed.prefix(Self.mostNames).joined(separator: ", "))\(more)"
        }
        return text
    }
}

extension ActiveService {
    /// Adds what this service is to the whole.
    func add(to summary: inout SupervisorSummary) {
        guard definition.enabled, !isStopping || !isDone else { return }
        summary.services += 1
        summary.listeners += listeners.count
        summary.unbound += listeners.filter { $0.descriptor == nil }.count
        summary.connections += record.connections.present
        if let handoff = dispatcher.handoff, handoff.supply.isFailed, !handoff.hasReadyHandler {
            summary.failed.append(definition.name)
        }
    }
}
