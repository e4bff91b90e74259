import ControlProtocol

@testable import baton

/// A status of services with so many accepts each, `seconds` after the start.
func status(
    _ seconds: Double, pid: Int = 1, _ accepted: [(name: String, accepted: Int)],
    _ change: (inout ServiceStatus) -> Void = { _ in }
) -> SupervisorStatus {
    let services = accepted.map { name, accepted in
        var counters = ConnectionCounters()
        counters.accepted = accepted
        counters.ended = accepted
        var service = ServiceStatus(name: name, dispatch: .exec, state: .ready, connections: counters)
        change(&service)
        return service
    }
    return SupervisorStatus(
        version: "1", pid: pid, uptime: .milliseconds(Int(seconds * 1000)), table: "t", openFiles: 1,
        services: services)
}
