internal import CLinux
package import SystemPackage

/// A pipe (pipe(7)): a place in the kernel for bytes on their way from one socket to another.
package struct Pipe: ~Copyable, Sendable {
    private let output: OwnedDescriptor
    private let input: OwnedDescriptor

    package init() throws(Errno) {
        var ends: [Int32] = [-1, -1]
        try SystemCall.value { unsafe baton_pipe(&ends) }
        output = OwnedDescriptor(adopting: ends[0])
        input = OwnedDescriptor(adopting: ends[1])
    }

    /// Takes over both ends, which are nonblocking.
    package init(output: consuming OwnedDescriptor, input: consuming OwnedDescriptor) {
        self.output = output
        self.input = input
    }

    /// To read from, and to write to; they stay the pipe's.
    package var ends: [FileDescriptor] { [output.borrowed, input.borrowed] }

    /// Moves up to `most` bytes from a nonblocking socket into the pipe (splice(2)); 0 is the stream's end.
    /// While the pipe is empty, EAGAIN says that the socket is. EINVAL: the socket cannot be spliced from.
    package borrowing func fill(from socket: FileDescriptor, most: Int) throws(Errno) -> Int {
        let to = input.rawValue
        return try SystemCall.value { baton_splice(socket.rawValue, to, most) }
    }

    /// Moves up to `most` bytes from the pipe, which has them, to a nonblocking socket. EAGAIN: the socket
    /// takes nothing now.
    package borrowing func drain(to socket: FileDescriptor, most: Int) throws(Errno) -> Int {
        let from = output.rawValue
        return try SystemCall.value { baton_splice(from, socket.rawValue, most) }
    }
}
