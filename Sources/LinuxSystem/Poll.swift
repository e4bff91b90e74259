internal import Glibc
package import SystemPackage

/// Waiting for one descriptor (poll(2)); many are `Epoll`'s.
package enum Poll {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: Int16
        package init(rawValue: Int16) { self.rawValue = rawValue }

        package static let readable = Interest(rawValue: Int16(POLLIN))
        package static let writable = Interest(rawValue: Int16(POLLOUT))
    }

    /// Whether the descriptor is ready, or broken, before the time is over; a signal ends the wait early.
    package static func wait(
        for descriptor: FileDescriptor, _ interest: Interest, within time: Duration
    ) throws(Errno) -> Bool {
        let (seconds, attoseconds) = max(.zero, time).components
        let milliseconds = Int32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        var state = pollfd(fd: descriptor.rawValue, events: interest.rawValue, revents: 0)
        let count = unsafe poll(&state, 1, milliseconds)
        if count >= 0 { return count > 0 }
        let error = Errno(rawValue: errno)
        if error == .interrupted { return false }
        throw error
    }
}
