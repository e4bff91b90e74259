/// What a handler says to the supervisor.
package enum HandlerMessage: Hashable, Sendable {
    case register(Registration)
    /// The handler owns every baton up to this id that it has not NACKed.
    case acknowledge(upTo: UInt64)
    /// These connections have ended.
    case done([UInt64])
    /// The answer to the PING of this id.
    case pong(id: UInt64)
    case pass(Pass)
    /// The most connections it will hold from now on; 0 is no limit of its own.
    case capacity(UInt32)
    /// Send no more; what is held will be finished.
    case drain
    /// Text that `baton status` shows.
    case status(String)
    /// This baton's message came, but the handler could not take it.
    case negative(id: UInt64, reason: String)

    /// REGISTER: the first message on every channel; it also says "ready".
    package struct Registration: Hashable, Sendable {
        package var traits: HandlerTraits
        /// The most connections it will hold; 0 is no limit of its own.
        package var capacity: UInt32
        package var service: String

        package init(service: String, traits: HandlerTraits = [], capacity: UInt32 = 0) {
            self.service = service
            self.traits = traits
            self.capacity = capacity
        }
    }

    /// PASS: a connection for another service, or, with an empty name, for another handler of the same.
    package struct Pass: Hashable, Sendable {
        /// The BATON that brought the connection, or a number of the handler's own with the top bit set.
        package var id: UInt64
        package var service: String
        /// What the handler has read from the stream and the next one must read first.
        package var drained: [UInt8]

        package init(id: UInt64, service: String, drained: [UInt8] = []) {
            self.id = id
            self.service = service
            self.drained = drained
        }

        /// The top bit of the id: a connection that no BATON brought, numbered by the handler.
        package static let elsewhere = UInt64(1) << 63

        /// Whether no BATON brought the connection.
        package var isFromElsewhere: Bool { id & Self.elsewhere != 0 }
    }

    package var type: MessageType {
        switch self {
        case .register: .register
        case .acknowledge: .acknowledge
        case .done: .done
        case .pong: .pong
        case .pass: .pass
        case .capacity: .capacity
        case .drain: .handlerDrain
        case .status: .status
        case .negative: .negative
        }
    }
}
