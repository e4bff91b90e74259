internal import LinuxSystem
internal import SystemPackage

/// The supervisor's runtime directory: made, locked, and with its sockets in it.
struct RuntimeFiles: ~Copyable {
    private let place: RuntimeDirectory
    private let directory: Directory
    private let lock: PidFile
    private let wasMade: Bool

    struct Failure: Error {
        let message: String
    }

    init(_ place: RuntimeDirectory) throws(Failure) {
        let wasMade = try Self.attempt { () throws(RuntimeDirectoryError) in try place.makeIfMissing() }
        let directory = Directory(
            adopting: try Self.attempt { () throws(RuntimeDirectoryError) in try place.open() })
        lock = try Self.lock(directory.borrowed, of: place)
        self.place = place
        self.directory = directory
        self.wasMade = wasMade
    }

    /// Goes on in the directory of the program before, with its lock.
    init(_ saved: SavedFiles) {
        place = RuntimeDirectory(path: saved.path)
        directory = Directory(adopting: saved.directory.adopt())
        lock = PidFile(adopting: saved.lock.adopt())
        wasMade = saved.wasMade
    }

    var saved: SavedFiles {
        SavedFiles(
            path: place.path, directory: SavedDescriptor(directory.borrowed), lock: SavedDescriptor(lock.borrowed),
            wasMade: wasMade)
    }

    private static func attempt<Value: ~Copyable>(
        _ body: () throws(RuntimeDirectoryError) -> Value
    ) throws(Failure) -> Value {
        do {
            return try body()
        } catch {
            throw Failure(message: "runtime_directory \(error)")
        }
    }

    private static func lock(_ directory: FileDescriptor, of place: RuntimeDirectory) throws(Failure) -> PidFile {
        do {
            return try PidFile(in: directory)
        } catch {
            let why = error == .wouldBlock ? "another supervisor runs there" : "\(error)"
            throw Failure(message: "\(place.path)/\(PidFile.name): \(why)")
        }
    }

    /// All that stand there.
    private static let sockets = [
        RuntimeDirectory.controlSocket, Registrar.socketName, Registrar.streamSocketName, NotifySocket.socketName,
    ]

    /// Makes the sockets for clients and handlers.
    borrowing func openSockets() throws(Failure) -> RuntimeSockets {
        do {
            return RuntimeSockets(
                control: DescriptorBox(try listen(RuntimeDirectory.controlSocket, .stream, mode: 0o600)),
                register: DescriptorBox(try listen(Registrar.socketName, .sequencedPacket, mode: 0o666)),
                registerStream: DescriptorBox(try listen(Registrar.streamSocketName, .stream, mode: 0o666)),
                notify: DescriptorBox(try bind(NotifySocket.socketName, .datagram, mode: 0o666)),
                notifyPath: address(of: NotifySocket.socketName))
        } catch {
            throw Failure(message: "the sockets in \(place.path): \(error)")
        }
    }

    /// A listening socket `name` in the directory that is never more open than `mode`. The lock proves that a
    /// file of that name is nobody's any more.
    private borrowing func listen(_ name: String, _ kind: Socket.Kind, mode: UInt32) throws(Errno) -> OwnedDescriptor {
        let socket = try bind(name, kind, mode: mode)
        try Socket.listen(socket.borrowed, backlog: 128)
        return socket
    }

    /// The same, for a datagram socket.
    private borrowing func bind(_ name: String, _ kind: Socket.Kind, mode: UInt32) throws(Errno) -> OwnedDescriptor {
        // By the opened directory: its path may be too long for a socket's address.
        let address = SocketAddress.unix(path: "/proc/self/fd/\(directory.borrowed.rawValue)/\(name)")
        if try directory.status(of: name) != nil { try directory.remove(name) }
        let socket = try Socket.make(family: address.family, kind, nonblocking: true)
        try FileCreationMask.with(0o777 & ~mode) { () throws(Errno) in try Socket.bind(socket.borrowed, to: address) }
        return socket
    }

    /// The path of `name` as others reach it; nil when it is longer than a socket's address (unix(7)).
    borrowing func address(of name: String) -> String? {
        guard let path = directory.path.map({ "\($0)/\(name)" }) else { return nil }
        return path.utf8.count <= 107 ? path : nil
    }

    /// Gives `group` the control socket, or takes it back from the group that had it.
    borrowing func showControl(to group: UInt32?) throws(Errno) {
        let socket = try directory.entry(RuntimeDirectory.controlSocket).socket()
        if let group {
            try socket.setOwner(nil, group: group)
            try socket.setMode(0o660)
        } else {
            try socket.setMode(0o600)
            try socket.setOwner(nil, group: CurrentProcess.gid)
        }
    }

    /// Removes what was made here. The pid file goes last: until then no other supervisor starts.
    consuming func remove() {
        for name in Self.sockets + [PidFile.name] { try? directory.remove(name) }
        if wasMade { place.remove() }
    }
}

/// A place for them: whoever cannot go on has them removed, once.
final class RuntimeFilesBox {
    private var files: RuntimeFiles?

    init(_ files: consuming RuntimeFiles) {
        self.files = consume files
    }

    /// Nil once they are removed.
    var saved: SavedFiles? { files?.saved }

    func openSockets() throws(RuntimeFiles.Failure) -> RuntimeSockets? { try files?.openSockets() }

    func showControl(to group: UInt32?) throws(Errno) { try files?.showControl(to: group) }

    func remove() {
        files.take()?.remove()
    }
}
