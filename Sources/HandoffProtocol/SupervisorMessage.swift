/// What the supervisor says to a handler.
package enum SupervisorMessage: Hashable, Sendable {
    /// The heartbeat's interval in milliseconds; 0 is no heartbeat.
    case welcome(heartbeatMilliseconds: UInt32)
    case baton(Baton)
    /// To be answered by PONG with the same id.
    case ping(id: UInt64)
    /// Finish what you hold, then exit or close the channel.
    case drain
    /// The channel closes after it.
    case reject(reason: String)
    /// The answer to the PASS of this id.
    case passed(id: UInt64, PassOutcome)

    /// BATON: a connection, its origin and the bytes that were drained from its stream.
    package struct Baton: Hashable, Sendable {
        /// Rising by one on each channel, from 1.
        package var id: UInt64
        /// The connection's number, as in `BATON_CONNECTION` and in events.
        package var connection: UInt64
        package var service: String
        package var listener: String
        package var drained: [UInt8]
        /// A PROXY protocol v2 header with the original addresses, or nothing when getpeername(2) tells
        /// the truth. `ProxyHeader` makes and reads it.
        package var proxyHeader: [UInt8]
        /// It was sent to another handler before.
        package var wasSentBefore: Bool

        package init(
            id: UInt64, connection: UInt64, service: String, listener: String, drained: [UInt8] = [],
            proxyHeader: [UInt8] = [], wasSentBefore: Bool = false
        ) {
            self.id = id
            self.connection = connection
            self.service = service
            self.listener = listener
            self.drained = drained
            self.proxyHeader = proxyHeader
            self.wasSentBefore = wasSentBefore
        }
    }

    /// What became of a PASS.
    package enum PassOutcome: Hashable, Sendable {
        /// The supervisor has it; the handler closes its copy.
        case taken
        /// It is still the handler's; the reason is one of the list of refusals.
        case refused(reason: String)
    }

    package var type: MessageType {
        switch self {
        case .welcome: .welcome
        case .baton: .baton
        case .ping: .ping
        case .drain: .supervisorDrain
        case .reject: .reject
        case .passed: .passed
        }
    }
}
