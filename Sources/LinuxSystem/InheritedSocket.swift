internal import CLinux
internal import Glibc
package import SystemPackage

extension OwnedDescriptor {
    /// Takes over a socket that this process was started with, whose number came in its environment; it is
    /// close-on-exec from now on. A number from outside may be anything, so what is wrong with it is
    /// answered where calls on our own descriptors trap.
    ///
    /// - Throws: EBADF or ENOTSOCK, or EPROTOTYPE for a socket of another kind; nothing is closed then.
    package static func inheritedSocket(_ number: Int32, _ kind: Socket.Kind) throws(Errno) -> OwnedDescriptor {
        var type: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &length) == 0 else {
            throw Errno(rawValue: errno)
        }
        guard type == kind.native else { throw .protocolWrongTypeForSocket }
        try Socket.setCloseOnExec(FileDescriptor(rawValue: number), true)
        return OwnedDescriptor(adopting: number)
    }
}

extension OwnedDescriptor {
    /// Takes over a descriptor that this process was started with, whatever it is; close-on-exec from now on. Nil where
    /// the number is not open.
    package static func inherited(_ number: Int32) -> OwnedDescriptor? {
        guard baton_set_close_on_exec(number, 1) == 0 else { return nil }
        return OwnedDescriptor(adopting: number)
    }
}
