/// Bytes that Baton has moved for a connection, seen from the client's end.
package struct Traffic: Hashable, Sendable {
    /// From the client.
    package var received: UInt64
    /// To the client.
    package var sent: UInt64

    package init(received: UInt64 = 0, sent: UInt64 = 0) {
        self.received = received
        self.sent = sent
    }

    /// As members of an event.
    var members: JSONObject {
        [
            "bytes_received": .integer(Int64(clamping: received)),
            "bytes_sent": .integer(Int64(clamping: sent)),
        ]
    }
}
