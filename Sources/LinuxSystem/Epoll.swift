internal import CLinux
internal import Glibc
package import SystemPackage

/// An epoll instance (epoll(7)), level-triggered but where the interest says otherwise.
///
/// Safe although `epoll_event` holds a union with a pointer: only its integer is used.
@safe
package struct Epoll: ~Copyable {
    private let descriptor: OwnedDescriptor
    private var ready: [epoll_event]

    /// What a descriptor is watched for, and what is ready.
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let readable = Interest(rawValue: EPOLLIN.rawValue)
        package static let writable = Interest(rawValue: EPOLLOUT.rawValue)
        /// The peer has shut down its writing half.
        package static let peerClosed = Interest(rawValue: EPOLLRDHUP.rawValue)
        /// Told once for each change, not for as long as it lasts: whoever asks for it goes on until EAGAIN.
        package static let edgeTriggered = Interest(rawValue: EPOLLET.rawValue)
        /// Both halves are closed. Always reported.
        package static let hangUp = Interest(rawValue: EPOLLHUP.rawValue)
        /// Always reported.
        package static let error = Interest(rawValue: EPOLLERR.rawValue)
    }

    /// - Parameter batch: The most events one `wait` takes.
    package init(batch: Int = 64) throws(Errno) {
        let number = try SystemCall.value { epoll_create1(Int32(EPOLL_CLOEXEC)) }
        descriptor = OwnedDescriptor(adopting: number)
        unsafe ready = Array(repeating: epoll_event(), count: batch)
    }

    package func add(_ target: FileDescriptor, _ interest: Interest, token: UInt64) throws(Errno) {
        try control(EPOLL_CTL_ADD, target, interest, token)
    }

    package func modify(_ target: FileDescriptor, _ interest: Interest, token: UInt64) throws(Errno) {
        try control(EPOLL_CTL_MOD, target, interest, token)
    }

    package func remove(_ target: FileDescriptor) throws(Errno) {
        try control(EPOLL_CTL_DEL, target, [], 0)
    }

    private func control(
        _ operation: Int32, _ target: FileDescriptor, _ interest: Interest, _ token: UInt64
    ) throws(Errno) {
        var event = unsafe epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
        try SystemCall.value { unsafe epoll_ctl(descriptor.rawValue, operation, target.rawValue, &event) }
    }

    /// Waits for the next batch; a signal that interrupts it makes an empty one.
    ///
    /// - Parameter timeout: Rounded up to a millisecond; nil waits for ever.
    /// - Returns: How many events `event(_:)` now answers.
    package mutating func wait(timeout: Duration?) throws(Errno) -> Int {
        let milliseconds = timeout.map { time in
            time <= .zero ? 0 : Int32(clamping: (time.attoseconds + Self.millisecond - 1) / Self.millisecond)
        }
        let count = unsafe epoll_wait(descriptor.rawValue, &ready, Int32(ready.count), milliseconds ?? -1)
        if count >= 0 { return Int(count) }
        let error = Errno(rawValue: errno)
        if error == .interrupted { return 0 }
        throw error
    }

    /// In attoseconds.
    private static let millisecond: Int128 = 1_000_000_000_000_000

    /// An event of the last batch.
    package func event(_ index: Int) -> (token: UInt64, interest: Interest) {
        unsafe (ready[index].data.u64, Interest(rawValue: ready[index].events))
    }
}
