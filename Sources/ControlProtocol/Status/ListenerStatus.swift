/// One bound socket, or one that is still to be bound, in the status.
package struct ListenerStatus: Hashable, Sendable {
    package var name: String
    /// Where it is bound, with the port that the kernel gave for port 0.
    package var address: String
    /// As in an endpoint's URL: `tcp`, `udp`, `unix`, `unix+dgram`, `unix+seqpacket`, `vsock`.
    package var transport: String
    package var state: State
    /// Why it could not be bound, or is paused.
    package var error: String?
    /// Until it is tried again.
    package var retry: Duration?

    package init(
        name: String, address: String, transport: String, state: State, error: String? = nil, retry: Duration? = nil
    ) {
        self.name = name
        self.address = address
        self.transport = transport
        self.state = state
        self.error = error
        self.retry = retry
    }

    package enum State: String, Hashable, Sendable, CaseIterable {
        case listening
        /// A `wait` handler has it.
        case waiting
        /// Out of the poll set; clients wait in the backlog.
        case paused
        /// Not bound; tried again.
        case retrying
    }
}

extension ListenerStatus: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = [
            "name": .string(name), "address": .string(address), "protocol": .string(transport),
            "state": .string(state.rawValue),
        ]
        object.append("error", error.map { .string($0) })
        object.append("retry_seconds", retry.map { .number($0.seconds) })
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        name = try object.string("name")
        address = try object.string("address")
        transport = try object.string("protocol")
        state = try object.choice("state")
        error = try object.optional("error", object.string)
        retry = try object.optional("retry_seconds", object.duration)
    }
}
