/// What happens on the control socket. `uid` and `pid` are the client's, by the kernel's word.
package enum ControlEvent: Hashable, Sendable {
    /// Something is to be changed: who only looks makes no event.
    case requested(ControlRequest.Method, uid: UInt32, pid: Int)
    case refused(ControlError, uid: UInt32, pid: Int)

    /// Services that an event names.
    private static let mostNamed = 16

    package var name: EventName {
        switch self {
        case .requested: .controlRequest
        case .refused: .controlRefused
        }
    }

    package var level: EventLevel {
        switch self {
        // Monitoring asks all day, and what only would change has not.
        case .requested(.metrics, _, _), .requested(.reload(dryRun: true), _, _): .debug
        case .requested, .refused: .notice
        }
    }

    package var details: EventDetails {
        switch self {
        case .requested(let method, let uid, let pid):
            let services = Array(method.services.prefix(Self.mostNamed))
            let dry = method == .reload(dryRun: true) ? " --dry-run" : ""
            let which = services.isEmpty ? "" : " " + services.joined(separator: " ").printable()
            return EventDetails(
                "\(method.name)\(dry)\(which) asked for by uid \(uid), pid \(pid)", pid: pid,
                more: [
                    "method": .string(method.name), "services": .array(services.map { .string($0) }),
                    "uid": .integer(Int64(uid)),
                ])
        case .refused(let error, let uid, let pid):
            return EventDetails(
                "request of uid \(uid), pid \(pid) refused: \(error.message.printable())",
                reason: error.code.rawValue, pid: pid, more: ["uid": .integer(Int64(uid))])
        }
    }
}
