/// What happens on the control socket. `uid` and `pid` are the client's, by the kernel's word.
package enum ControlEvent: Hashable, Sendable {
    case requested(method: String, services: [String], uid: UInt32, pid: Int)
    case refused(ControlError, uid: UInt32, pid: Int)

    package var level: EventLevel {
        switch self {
        // Monitoring asks all day.
        case .requested(method: "status", _, _, _), .requested(method: "metrics", _, _, _): .debug
        case .requested: .notice
        case .refused: .notice
        }
    }

    package var details: EventDetails {
        switch self {
        case .requested(let method, let services, let uid, let pid):
            let which = services.isEmpty ? "" : " " + services.joined(separator: " ").printable()
            return EventDetails(
                "control_request", "\(method.printable())\(which) asked for by uid \(uid), pid \(pid)", pid: pid,
                more: [
                    "method": .string(method), "services": .array(services.map { .string($0) }),
                    "uid": .integer(Int64(uid)),
                ])
        case .refused(let error, let uid, let pid):
            return EventDetails(
                "control_refused", "request of uid \(uid), pid \(pid) refused: \(error.message.printable())",
                reason: error.code.rawValue, pid: pid, more: ["uid": .integer(Int64(uid))])
        }
    }
}
