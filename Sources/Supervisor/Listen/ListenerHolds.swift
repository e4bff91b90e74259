extension Listener {
    /// Reasons to stay out of the poll set; connections wait in the backlog meanwhile.
    struct Holds: OptionSet {
        let rawValue: Int
        /// The service is at a limit, or its queue is full.
        static let noRoom = Holds(rawValue: 1)
        /// A `wait` handler has the socket.
        static let handler = Holds(rawValue: 2)
        /// `trigger_limit`.
        static let trigger = Holds(rawValue: 4)
        /// The process or the system has no descriptors or memory left.
        static let shortage = Holds(rawValue: 8)
        /// The service stops.
        static let stopping = Holds(rawValue: 16)
        /// The name of who sent the first datagram is being looked up.
        static let name = Holds(rawValue: 32)
        /// `access_times`, `max_load`.
        static let closed = Holds(rawValue: 64)
        /// Somebody paused the service.
        static let person = Holds(rawValue: 128)
        /// A `wait` handler of before a reload has it still.
        static let former = Holds(rawValue: 256)
        /// Another program is about to take over.
        static let upgrade = Holds(rawValue: 512)
    }
}
