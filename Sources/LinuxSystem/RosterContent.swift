internal import CLinux
package import SystemPackage

/// What a roster says, read when its writer is gone. It is copied first: nobody changes it any more.
package struct RosterContent: Hashable, Sendable {
    package var lastConnection: UInt64 = 0
    package var lastHandler: UInt64 = 0
    package var handlers: [RosterHandler] = []
    package var connections: [RosterConnection] = []
    package var processes: [RosterProcess] = []
    package var logs: [RosterLog] = []

    private static let headSize = BATON_ROSTER_HEAD
    private static let entrySize = BATON_ROSTER_ENTRY

    /// Nothing.
    package init() {}

    /// EINVAL when the memory holds no roster, or one of another form.
    package init(of memory: FileDescriptor) throws(Errno) {
        let head = try memory.bytes(most: Self.headSize)
        self = try RosterContent(reading: try memory.bytes(most: Self.headSize + Self.used(head) * Self.entrySize))
    }

    /// - Parameter bytes: As much of it as was ever used, and perhaps more.
    package init(reading bytes: [UInt8]) throws(Errno) {
        let used = try Self.used(bytes)
        let head = bytes.load(baton_roster_head.self, at: 0)
        (lastConnection, lastHandler) = (head.last_connection, head.last_handler)
        for place in 0..<min(used, (bytes.count - Self.headSize) / Self.entrySize) {
            read(bytes, at: Self.headSize + place * Self.entrySize)
        }
    }

    /// Entries that were ever written.
    private static func used(_ bytes: [UInt8]) throws(Errno) -> Int {
        guard bytes.count >= headSize else { throw .invalidArgument }
        let head = bytes.load(baton_roster_head.self, at: 0)
        guard head.magic == BATON_ROSTER_MAGIC, head.version == UInt32(BATON_ROSTER_VERSION),
            head.entry_size == UInt32(entrySize)
        else { throw .invalidArgument }
        return Int(min(head.used, UInt64(Roster.mostEntries)))
    }

    private mutating func read(_ bytes: [UInt8], at offset: Int) {
        switch baton_roster_kind(bytes.load(UInt32.self, at: offset)) {
        case BATON_ROSTER_HANDLER: handlers.append(RosterHandler(bytes.load(baton_roster_handler.self, at: offset)))
        case BATON_ROSTER_CONNECTION:
            connections.append(RosterConnection(bytes.load(baton_roster_connection.self, at: offset)))
        case BATON_ROSTER_PROCESS, BATON_ROSTER_WAIT_PROCESS:
            processes.append(RosterProcess(bytes.load(baton_roster_process.self, at: offset)))
        case BATON_ROSTER_LOG: logs.append(RosterLog(bytes.load(baton_roster_log.self, at: offset)))
        default: break
        }
    }
}

extension [UInt8] {
    /// Within its bounds, or it traps.
    fileprivate func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
        unsafe withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }
}
