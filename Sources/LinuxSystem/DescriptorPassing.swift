internal import CLinux
internal import Glibc
package import SystemPackage

/// Descriptors over Unix-domain sockets (unix(7), SCM_RIGHTS).
package enum DescriptorPassing {
    /// The most descriptors in one message (SCM_MAX_FD).
    package static let mostDescriptors = Int(BATON_MOST_DESCRIPTORS)

    /// Sends one message, and with it copies of `descriptors`; the caller keeps its own.
    ///
    /// - Parameter blocking: false answers EAGAIN where the call would wait.
    /// - Returns: The bytes taken; on a stream that may be fewer, the descriptors gone with the first of them.
    @discardableResult
    package static func send(
        _ bytes: [UInt8], passing descriptors: [FileDescriptor] = [], on socket: FileDescriptor, blocking: Bool = false
    ) throws(Errno) -> Int {
        let flags: Int32 = blocking ? 0 : Int32(MSG_DONTWAIT)
        let numbers = descriptors.map(\.rawValue)
        return try SystemCall.value {
            unsafe baton_send(socket.rawValue, bytes, bytes.count, numbers, numbers.count, flags)
        }
    }

    /// The same with one descriptor, or none, and without waiting: the hand-off of every day needs no array.
    @discardableResult
    package static func send(
        _ bytes: [UInt8], passing descriptor: FileDescriptor?, on socket: FileDescriptor
    ) throws(Errno) -> Int {
        var number = descriptor?.rawValue ?? -1
        let count = descriptor == nil ? 0 : 1
        return try SystemCall.value {
            unsafe baton_send(socket.rawValue, bytes, bytes.count, &number, count, Int32(MSG_DONTWAIT))
        }
    }

    /// One message, as `receive` got it.
    package struct Received {
        /// Bytes at the start of the buffer. 0 on a connection-oriented socket is its end.
        package var count: Int
        /// In the order of sending, close-on-exec, closed with their boxes.
        package var descriptors: [DescriptorBox]
        /// The message was longer than the buffer; its rest is gone (MSG_TRUNC).
        package var dataTruncated: Bool
        /// Descriptors were dropped: no room for them here, or the descriptor table is full (MSG_CTRUNC); or they were no open
        /// files (O_PATH), for which most calls answer EBADF.
        package var descriptorsTruncated: Bool
        /// The writer's process, where it was asked for and the socket has SO_PASSCRED; else 0.
        package var pid: Int32
        /// The same process held, where the socket has SO_PASSPIDFD (Linux 6.5).
        package var process: DescriptorBox?
        var nameLength: socklen_t
    }

    /// Receives one message.
    ///
    /// With too little room the kernel drops descriptors in this very call, and where it has the last copy of a socket
    /// with SO_LINGER it waits for as long as its sender has set: what a stranger may send is received with room for all.
    ///
    /// - Parameters:
    ///   - room: How many descriptors are taken; the kernel drops what else is sent.
    ///   - withPID: Ask for the writer's pid (SO_PASSCRED must be set).
    package static func receive(
        into buffer: inout [UInt8], room: Int, withPID: Bool = false, on socket: FileDescriptor, blocking: Bool = false
    ) throws(Errno) -> Received {
        let flags: Int32 = blocking ? 0 : Int32(MSG_DONTWAIT)
        return try unsafe receive(into: &buffer, room: room, withPID: withPID, name: nil, on: socket, flags: flags)
    }

    /// - Parameter name: Where the sender's address goes; its length is in `nameLength`.
    static func receive(
        into buffer: inout [UInt8], room: Int, withPID: Bool, name: UnsafeMutablePointer<sockaddr_storage>?,
        on socket: FileDescriptor, flags: Int32
    ) throws(Errno) -> Received {
        let capacity = buffer.count
        let nameRoom = unsafe name == nil ? 0 : MemoryLayout<sockaddr_storage>.size
        let result = unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: mostDescriptors) {
            numbers -> Result<Received, Errno> in
            var received = baton_received()
            do throws(Errno) {
                let count = try SystemCall.value {
                    received = baton_received(
                        descriptors: min(room, mostDescriptors), flags: 0, pid: withPID ? 1 : 0, process: -1,
                        name: socklen_t(nameRoom))
                    return unsafe baton_receive(
                        socket.rawValue, &buffer, capacity, numbers.baseAddress, name, &received, flags)
                }
                return .success(
                    unsafe Received(
                        count: count,
                        descriptors: numbers.prefix(received.descriptors).map {
                            DescriptorBox(OwnedDescriptor(adopting: $0))
                        },
                        dataTruncated: received.flags & Int32(MSG_TRUNC) != 0,
                        descriptorsTruncated: received.flags & Int32(MSG_CTRUNC) != 0,
                        pid: received.pid,
                        process: received.process < 0
                            ? nil : DescriptorBox(OwnedDescriptor(adopting: received.process)),
                        nameLength: received.name))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

/// A place for an owned descriptor in an array or a dictionary, where noncopyable values cannot live.
package final class DescriptorBox {
    private var descriptor: OwnedDescriptor?

    package init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = consume descriptor
    }

    /// A place from which the descriptor has been taken.
    package init() {}

    /// The descriptor while it is here; nil once it was taken.
    package var borrowed: FileDescriptor? { descriptor?.borrowed }

    /// As for an `OwnedDescriptor`; EBADF once it was taken.
    package func become(_ other: FileDescriptor) throws(Errno) {
        guard descriptor != nil else { throw .badFileDescriptor }
        try descriptor?.become(other)
    }

    /// Takes the descriptor out; it is the caller's now.
    package func take() -> OwnedDescriptor? {
        descriptor.take()
    }
}
