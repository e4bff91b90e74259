internal import CLinux
package import SystemPackage

/// What lives on when this process is killed, for whoever goes on with it: written as it happens, into memory that
/// another process holds as well. That costs no system call, and whatever the moment of the kill, what is read is whole.
///
/// It has a bound: what there is no room for is not known after a kill, and that is all.
///
/// Safe although it holds pointers: the mapping lives as long as the object and is never moved, and a `Place` is of it.
@safe
package final class Roster {
    private let mapped: UnsafeMutableRawPointer
    /// Entries that there is room for.
    private let count: Int
    private let books: UnsafeMutablePointer<Books>

    /// Behind a pointer, so that access to them is not checked each time: they are asked for each connection.
    private struct Books {
        var used = 0
        var free: [UInt32] = []
    }

    /// Where an entry stands.
    package struct Place: Sendable {
        fileprivate let index: UInt32
    }

    /// 32 MB, of which as much is there as has ever been used at a time.
    package static let mostEntries = 1 << 18

    /// The memory for one, empty (memfd_create(2)); nobody can change its size.
    package static func memory(entries: Int = mostEntries) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try SystemCall.value { baton_roster_create(entries) })
    }

    /// Writes into `memory`; what a former program of this process has written there counts no longer. The descriptor is
    /// not needed any longer.
    package init(writing memory: FileDescriptor) throws(Errno) {
        var start: UnsafeMutableRawPointer?
        var count = 0
        try SystemCall.value { unsafe baton_roster_map(memory.rawValue, &start, &count) }
        guard let start = unsafe start else { throw .noMemory }
        unsafe mapped = unsafe start
        self.count = count
        unsafe books = .allocate(capacity: 1)
        unsafe books.initialize(to: Books())
        unsafe baton_roster_set(&head.pointee.used, 0)
    }

    deinit {
        unsafe books.deinitialize(count: 1)
        unsafe books.deallocate()
        unsafe baton_roster_unmap(mapped, count)
    }

    private var head: UnsafeMutablePointer<baton_roster_head> {
        unsafe mapped.assumingMemoryBound(to: baton_roster_head.self)
    }

    private func entry(_ place: Place) -> UnsafeMutableRawPointer {
        unsafe mapped + BATON_ROSTER_HEAD + Int(place.index) * BATON_ROSTER_ENTRY
    }

    private func handler(_ place: Place) -> UnsafeMutablePointer<baton_roster_handler> {
        unsafe entry(place).assumingMemoryBound(to: baton_roster_handler.self)
    }

    // MARK: The last numbers that were given

    package func lastConnection(is number: UInt64) {
        unsafe baton_roster_set(&head.pointee.last_connection, number)
    }

    package func lastHandler(is number: UInt64) {
        unsafe baton_roster_set(&head.pointee.last_handler, number)
    }

    // MARK: Entries

    /// Each is nil when there is no room.
    package func enter(_ connection: RosterConnection) -> Place? { write(connection.native) }
    package func enter(_ process: RosterProcess) -> Place? { write(process.native) }
    package func enter(_ handler: RosterHandler) -> Place? { write(handler.native) }
    package func enter(_ log: RosterLog) -> Place? { write(log.native) }

    package func leave(_ place: Place) {
        unsafe baton_roster_free(entry(place))
        unsafe books.pointee.free.append(place.index)
    }

    private func write<Entry: BitwiseCopyable>(_ native: Entry) -> Place? {
        guard let place = nextPlace() else { return nil }
        unsafe withUnsafePointer(to: native) { unsafe baton_roster_write(entry(place), $0) }
        return place
    }

    private func nextPlace() -> Place? {
        if let index = unsafe books.pointee.free.popLast() { return Place(index: index) }
        let index = unsafe books.pointee.used
        guard index < count else { return nil }
        unsafe books.pointee.used = index + 1
        unsafe baton_roster_set(&head.pointee.used, UInt64(index + 1))
        return Place(index: UInt32(index))
    }

    // MARK: What changes of one

    /// The handler waits to hear who gets its connection, or has been told that it keeps it.
    package func connection(_ place: Place, isPassed: Bool) {
        let connection = unsafe entry(place).assumingMemoryBound(to: baton_roster_connection.self)
        unsafe baton_roster_set_word(&connection.pointee.is_passed, isPassed ? 1 : 0)
    }

    /// The handler is about to be sent a baton, which is entered already.
    package func handler(_ place: Place, isSent id: UInt64) {
        unsafe baton_roster_mark(&handler(place).pointee.is_sent_to, 1)
        unsafe baton_roster_set(&handler(place).pointee.sent, id)
    }

    /// It was sent, or it was not and has left.
    ///
    /// - Parameter last: What was sent last.
    package func handler(_ place: Place, wasSent last: UInt64) {
        unsafe baton_roster_set(&handler(place).pointee.sent, last)
        unsafe baton_roster_mark(&handler(place).pointee.is_sent_to, 0)
    }

    /// What it says is being taken, until everything that follows is entered.
    package func handler(_ place: Place, isRead: Bool) {
        unsafe baton_roster_mark(&handler(place).pointee.is_read, isRead ? 1 : 0)
    }

    package func handler(_ place: Place, hasAcknowledged id: UInt64) {
        unsafe baton_roster_set(&handler(place).pointee.acknowledged, id)
    }

    package func handler(_ place: Place, slot: UInt32) {
        unsafe baton_roster_set_word(&handler(place).pointee.slot, slot)
    }

    package func handler(_ place: Place, capacity: UInt32, traits: UInt16) {
        unsafe baton_roster_set_word(&handler(place).pointee.capacity, capacity)
        unsafe baton_roster_set_half(&handler(place).pointee.traits, traits)
    }

    package func handler(_ place: Place, life: RosterHandler.Life) {
        unsafe baton_roster_set_half(&handler(place).pointee.life, life.native)
    }
}
