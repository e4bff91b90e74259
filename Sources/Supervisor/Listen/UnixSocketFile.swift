internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The file of a Unix-domain socket: made, taken over when it is stale, given its mode, and removed.
///
/// The directory is opened once and checked on the way. bind(2) itself takes the whole path, because that is what
/// getsockname(2) then tells everybody; that it made the entry in the opened directory is checked. Whoever may write to
/// the directory may put something else there at any moment: so an entry is held before anything is done to it.
enum UnixSocketFile {
    static func bind(
        _ socket: FileDescriptor, path: String, kind: Socket.Kind, options: SocketOptions
    ) throws(SocketBinding.Failure) {
        let (parent, name) = split(path)
        let directory = try SocketBinding.step("directory \(parent)") { () throws(Errno) in
            try Directory(trusted: parent, makingMissing: options.directoryMode)
        }
        try removeStale(name, in: directory, kind: kind)
        try SocketBinding.step("bind") { () throws(Errno) in
            // Never more open than it is to be, not even until chmod.
            let mask = options.mode.map { 0o777 & ~$0 }
            if let mask {
                try FileCreationMask.with(mask) { () throws(Errno) in try Socket.bind(socket, to: .unix(path: path)) }
            } else {
                try Socket.bind(socket, to: .unix(path: path))
            }
        }
        try SocketBinding.step("mode and owner") { () throws(Errno) in
            let socket = try directory.entry(name).socket()
            // Somebody has put another in its place, or bind was led elsewhere.
            guard socket.status.owner == CurrentProcess.uid else { throw .notPermitted }
            try setModeAndOwner(of: socket, options)
        }
    }

    /// The same for a socket that is bound already, by an earlier table.
    static func setModeAndOwner(path: String, options: SocketOptions) throws(SocketBinding.Failure) {
        let (parent, name) = split(path)
        let directory = try SocketBinding.step("directory \(parent)") { () throws(Errno) in
            try Directory(trusted: parent, makingMissing: options.directoryMode)
        }
        try SocketBinding.step("mode and owner") { () throws(Errno) in
            try setModeAndOwner(of: try directory.entry(name).socket(), options)
        }
    }

    private static func setModeAndOwner(
        of socket: borrowing DirectoryEntry, _ options: SocketOptions
    ) throws(Errno) {
        if options.owner != nil || options.group != nil {
            try socket.setOwner(options.owner, group: options.group)
        }
        if let mode = options.mode { try socket.setMode(mode) }
    }

    /// Gives the file of a bound socket what `options` say of it; what they do not say is as bind would make it.
    static func change(path: String, to options: SocketOptions) throws(SocketBinding.Failure) {
        let (parent, name) = split(path)
        try SocketBinding.step("mode and owner") { () throws(Errno) in
            let directory = try Directory(trusted: parent, makingMissing: options.directoryMode)
            let socket = try directory.entry(name).socket()
            try socket.setOwner(options.owner ?? CurrentProcess.uid, group: options.group ?? CurrentProcess.gid)
            try socket.setMode(options.mode ?? 0o777 & ~FileCreationMask.current)
        }
    }

    /// Removes the socket's file, if it is still a socket.
    static func remove(path: String) {
        let (parent, name) = split(path)
        guard let directory = try? Directory(trusted: parent, makingMissing: 0o755),
            let status = try? directory.status(of: name), status.isSocket
        else { return }
        try? directory.remove(name)
    }

    /// Unlinks a socket that nobody listens on any more; EADDRINUSE when somebody does, or when the file
    /// is something else.
    private static func removeStale(
        _ name: String, in directory: borrowing Directory, kind: Socket.Kind
    ) throws(SocketBinding.Failure) {
        let obstacle = try SocketBinding.step("stale socket") { () throws(Errno) -> String? in
            guard let status = try directory.status(of: name) else { return nil }
            guard status.isSocket else { return "what is there is no socket" }
            let entry = try directory.entry(name)
            guard try isStale(.unix(path: entry.path), kind) else { return "somebody listens there" }
            // Another may have taken it over in this moment, as we do.
            try directory.remove(name, ifStill: entry)
            return nil
        }
        if let obstacle { throw SocketBinding.Failure(step: obstacle, error: .addressInUse) }
    }

    private static func isStale(_ address: SocketAddress, _ kind: Socket.Kind) throws(Errno) -> Bool {
        // Nonblocking: a listener with a full backlog is alive, and answers EAGAIN.
        let probe = try Socket.make(family: address.family, kind, nonblocking: true)
        do {
            try Socket.connect(probe.borrowed, to: address)
            return false
        } catch {
            return error == .connectionRefused
        }
    }

    private static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
    }
}
