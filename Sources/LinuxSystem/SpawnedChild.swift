internal import CLinux
internal import Glibc
package import SystemPackage

extension ChildProcess {
    /// Whether `pid` is a child of this process that has not been collected yet (waitid(2), WNOWAIT): its number
    /// then means no other process.
    package static func has(_ pid: Int32) -> Bool {
        var info = unsafe siginfo_t()
        return unsafe waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0
    }
}

extension Socket {
    /// Whether the descriptor is a socket at all.
    package static func isSocket(_ descriptor: FileDescriptor) -> Bool {
        (try? value(.acceptsConnections, of: descriptor)) != nil
    }

    /// Whether `socket` is a Unix-domain socket.
    package static func isUnix(_ socket: FileDescriptor) -> Bool {
        (try? value(.domain, of: socket)) == Int(AF_UNIX)
    }

    /// Whether `socket` keeps the borders of what is written to it: a datagram or seqpacket socket.
    package static func keepsPackets(_ socket: FileDescriptor) -> Bool {
        (try? value(.kind, of: socket)) != Int(Kind.stream.native)
    }
}
