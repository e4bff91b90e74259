internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// An event, as it is told.
struct SavedEvent: Saved {
    var time = Timestamp()
    var service: String?
    var connection: UInt64?
    var peer: SocketAddress?
    var name = ""
    var level = EventLevel.debug
    var message = ""
    var reason: String?
    var pid: Int?
    var status: Int?
    var duration: Duration?
    /// An object, as JSON.
    var more: [UInt8] = []

    init() {}

    init(_ recorded: RecordedEvent) {
        let details = recorded.event.details
        (time, service) = (recorded.time, recorded.content.service)
        (connection, peer) = (recorded.connection, recorded.peer)
        (name, level) = (recorded.content.kind.name.rawValue, recorded.content.level)
        (message, reason) = (details.message, details.reason)
        (pid, status, duration) = (details.pid, details.status, details.duration)
        more = JSON.object(details.more).line
    }

    /// What there was to tell; nil for one that this version does not know.
    var content: EventContent? {
        guard let name = EventName(rawValue: name) else { return nil }
        let object = (try? JSON(parsing: more, limits: .reply))?.object
        let details = EventDetails(
            message, reason: reason, pid: pid, status: status, duration: duration, more: object ?? [:])
        return EventContent(.past(PastEvent(name: name, level: level, details: details)), of: service)
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&time)
        coder.optional(&service)
        coder.optional(&connection)
        coder.optional(&peer)
        coder.text(&name)
        coder.enumeration(&level)
        coder.text(&message)
        coder.optional(&reason)
        coder.optional(&pid)
        coder.optional(&status)
        coder.optional(&duration)
        coder.data(&more)
    }
}
