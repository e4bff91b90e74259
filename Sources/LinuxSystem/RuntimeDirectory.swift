internal import CLinux
internal import Glibc
package import SystemPackage

/// Where a supervisor keeps its sockets and its pid file, and where its clients look for them. The rule
/// is here once, for both.
package struct RuntimeDirectory: Hashable, Sendable {
    package var path: String
    /// Permission bits when it has to be made.
    package var mode: UInt32 = 0o755

    /// A directory that somebody named. Slashes at its end go: behind one, open(2) would follow a link.
    package init(path: String) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    /// The one supervisor of a uid: `/run/baton` for root, else `baton` in the session's runtime directory,
    /// else `/tmp/baton-UID`, which others may not even look into.
    ///
    /// - Parameter session: The value of XDG_RUNTIME_DIR; not absolute counts as absent, as its
    ///   specification says.
    package static func standard(uid: UInt32, session: String?) -> RuntimeDirectory {
        if uid == 0 { return RuntimeDirectory(path: "/run/baton") }
        if let session, session.hasPrefix("/") { return RuntimeDirectory(path: "\(session)/baton") }
        var directory = RuntimeDirectory(path: "/tmp/baton-\(uid)")
        directory.mode = 0o700
        return directory
    }

    /// The same place for one process of many: `/run/baton-PID` and so on.
    package func of(pid: Int32) -> RuntimeDirectory {
        var directory = self
        directory.path += "-\(pid)"
        return directory
    }

    /// The socket for clients, in the directory.
    package static let controlSocket = "control.sock"
}

/// A runtime directory that cannot be used, or must not be trusted.
package enum RuntimeDirectoryError: Error, Hashable, Sendable {
    case missing(String)
    /// A symbolic link, or no directory at all.
    case noDirectory(String)
    case foreign(String, owner: UInt32)
    case openToAll(String)
    case failed(String, Errno)
    /// A socket in it cannot be connected to, or somebody else listens there (EPERM).
    case unreachable(String, Errno)
}

extension RuntimeDirectoryError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let path): "\(path): there is no such directory"
        case .noDirectory(let path): "\(path): a symbolic link or no directory; name the directory itself"
        case .foreign(let path, let owner):
            "\(path): it belongs to uid \(owner), and only root's or one's own is trusted"
        case .openToAll(let path): "\(path): everybody may write to it, so its sockets cannot be trusted"
        case .unreachable(let socket, .notPermitted):
            "\(socket): neither root nor this user listens there, so it cannot be trusted"
        case .failed(let path, let error), .unreachable(let path, let error): "\(path): \(error)"
        }
    }
}

extension RuntimeDirectory {
    /// Opens the directory without following a link, and makes sure whose it is.
    ///
    /// - Returns: A descriptor to reach its entries by, as `/proc/self/fd/N/…`: the path may name
    ///   another directory by then, and may be too long for a socket's address.
    package func open() throws(RuntimeDirectoryError) -> OwnedDescriptor {
        let opened: OwnedDescriptor
        do throws(Errno) { opened = try Self.opened(path) } catch {
            switch error {
            case .noSuchFileOrDirectory: throw .missing(path)
            case .notDirectory, .tooManySymbolicLinkLevels: throw .noDirectory(path)
            default: throw .failed(path, error)
            }
        }
        var status = stat()
        guard unsafe fstat(opened.rawValue, &status) == 0 else { throw .failed(path, Errno(rawValue: errno)) }
        guard status.st_uid == 0 || status.st_uid == geteuid() else { throw .foreign(path, owner: status.st_uid) }
        // Not even with the sticky bit: anybody could have put a control socket there first.
        guard status.st_mode & S_IWOTH == 0 else { throw .openToAll(path) }
        return opened
    }

    private static func opened(_ path: String) throws(Errno) -> OwnedDescriptor {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        return OwnedDescriptor(
            adopting: try SystemCall.value {
                unsafe path.withCString { unsafe baton_open_at(AT_FDCWD, $0, flags, 0) }
            })
    }

    /// A connection, in blocking mode, to the socket `name` in the directory, at which root or ourselves listen.
    ///
    /// - Parameter patience: The longest that connect waits while the listener's backlog is full; nil waits for ever.
    package func connected(
        to name: String, _ kind: Socket.Kind, patience: Duration? = nil
    ) throws(RuntimeDirectoryError) -> OwnedDescriptor {
        let opened = try open()
        do throws(Errno) {
            // Through the directory that was checked, whatever the path leads to by now.
            let address = SocketAddress.unix(path: "/proc/self/fd/\(opened.rawValue)/\(name)")
            let socket = try Socket.make(family: address.family, kind)
            if let patience { try Socket.setSendTimeout(patience, on: socket.borrowed) }
            try Socket.connect(socket.borrowed, to: address)
            // Whatever way led there: SO_PEERCRED has who called listen(2).
            let listener = try Socket.peerUser(of: socket.borrowed)
            if listener == 0 || listener == geteuid() { return socket }
            throw .notPermitted
        } catch {
            throw .unreachable("\(path)/\(name)", error)
        }
    }

    /// Makes the directory, with `mode` whatever the umask is, unless something of that name is there.
    ///
    /// - Returns: Whether it was made, so that who made it can remove it.
    package func makeIfMissing() throws(RuntimeDirectoryError) -> Bool {
        do throws(Errno) {
            // No chmod afterwards, which would follow what is there by then.
            try FileCreationMask.with(0o777 & ~mode) { () throws(Errno) in
                _ = try SystemCall.value { unsafe mkdir(path, mode) }
            }
            return true
        } catch {
            if error == .fileExists { return false }
            throw .failed(path, error)
        }
    }

    /// Removes the directory if it is empty.
    package func remove() {
        _ = unsafe rmdir(path)
    }
}
