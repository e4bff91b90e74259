internal import CLinux
internal import Glibc
package import SystemPackage

extension Socket {
    /// Looks at up to `most` bytes that wait on a stream, without waiting and without taking them; empty at its end.
    package static func peek(_ socket: FileDescriptor, most: Int) throws(Errno) -> [UInt8] {
        try receive(socket, most: most, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK))
    }

    /// Takes up to `most` bytes of a stream, without waiting; empty at its end.
    package static func receive(_ socket: FileDescriptor, most: Int) throws(Errno) -> [UInt8] {
        try receive(socket, most: most, Int32(MSG_DONTWAIT))
    }

    private static func receive(_ socket: FileDescriptor, most: Int, _ flags: Int32) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        let count = try SystemCall.value { unsafe recv(socket.rawValue, &bytes, most, flags) }
        bytes.removeLast(most - count)
        return bytes
    }
}
