// What stands in a roster, as values. Who reads them knows nothing of who wrote them: any of the fields may have any
// value of its type.

/// A name, told by its hash (FNV-1a): names are of the table, which the reader has.
package struct RosterName: Hashable, Sendable {
    package let hash: UInt64

    package init(hash: UInt64) {
        self.hash = hash
    }

    package init(_ name: String) {
        // Asked for each connection that is handed off: byte by byte, the string itself would take ten times as long.
        var name = name
        hash = name.withUTF8 { bytes in
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for index in bytes.indices { hash = (hash ^ UInt64(unsafe bytes[index])) &* 0x100_0000_01b3 }
            return hash
        }
    }
}

/// A connection that somebody else has. Of a peer's Unix-domain name the roster keeps 16 bytes.
package struct RosterOrigin: Hashable, Sendable {
    package var number: UInt64 = 0
    /// By the monotonic clock.
    package var accepted = Duration.zero
    package var listener = RosterName(hash: 0)
    /// Which socket it is (`Socket.cookie`); 0 where nobody has asked.
    package var socket: UInt64 = 0
    /// 0 to 2: TCP, Unix, vsock.
    package var transport: UInt8 = 0
    package var peer = SocketAddress.unix(path: "")
    package var statedLocal: SocketAddress?
    package var isTouched = false
    package var passes: UInt8 = 0
    package var deliveries: UInt8 = 0
    /// What it counts against in its service; nil when it has no place there.
    package var source: Source?
    /// It counts against `limits.instances`.
    package var isInstance = false

    /// What it counts as, where sources are counted.
    package enum Source: Hashable, Sendable {
        case uncounted
        /// So many bits of its peer's address.
        case block(length: UInt8)
        case user(UInt32)
        case machine(UInt32)
        case nobody
    }

    package init() {}
}

/// A connection that a persistent handler has.
package struct RosterConnection: Hashable, Sendable {
    package var handler: UInt64 = 0
    /// Of the baton.
    package var id: UInt64 = 0
    /// Its handler waits to hear who gets it.
    package var isPassed = false
    package var origin: RosterOrigin

    package init(handler: UInt64 = 0, id: UInt64 = 0, origin: RosterOrigin = RosterOrigin()) {
        (self.handler, self.id, self.origin) = (handler, id, origin)
    }
}

/// A process that has a connection of its own, or a listening socket.
package struct RosterProcess: Hashable, Sendable {
    package var pid: Int32 = 0
    package var service = RosterName(hash: 0)
    /// By the monotonic clock, when it was known to run.
    package var began = Duration.zero
    /// It has the socket of `origin.listener`, or of all listeners.
    package var isWait = false
    package var origin = RosterOrigin()

    package init() {}
}

package struct RosterHandler: Hashable, Sendable {
    /// 0 where there is no process of ours.
    package var pid: Int32 = 0
    package var number: UInt64 = 0
    package var service = RosterName(hash: 0)
    package var began = Duration.zero
    /// The id of the last baton that it was sent, and of the last that it has acknowledged.
    package var sent: UInt64 = 0
    package var acknowledged: UInt64 = 0
    /// Its place among the service's handlers.
    package var slot: UInt32 = 0
    package var capacity: UInt32 = 0
    package var traits: UInt16 = 0
    /// A child, and none that has come by itself.
    package var isSupervised = false
    package var life = Life()
    /// A message was on its way, to it or from it, and it is not known how far that had come.
    package var isUnsure = false

    /// Where it is in its life: what its owner says of it, and flags of the owner's.
    package struct Life: Hashable, Sendable {
        package var state: UInt8 = 0
        package var flags: UInt8 = 0

        package init() {}

        package init(state: UInt8, flags: UInt8) {
            (self.state, self.flags) = (state, flags)
        }
    }

    package init() {}
}

/// What the handlers of a service write their standard error to.
package struct RosterLog: Hashable, Sendable {
    package var number: UInt64 = 0
    package var service = RosterName(hash: 0)

    package init() {}
}
