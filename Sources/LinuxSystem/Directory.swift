internal import CLinux
internal import Glibc
package import SystemPackage

/// What stat(2) tells of a file.
package struct FileStatus: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package var owner: UInt32
    /// Type and permission bits.
    package var mode: UInt32
    /// Names that it has.
    package var links: UInt64

    package var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    package var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
    package var isSocket: Bool { mode & S_IFMT == S_IFSOCK }
    /// Anybody may add, rename and remove entries of this directory, those of others included.
    package var isOpenToAll: Bool { mode & S_IWOTH != 0 && mode & S_ISVTX == 0 }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        owner = status.st_uid
        mode = status.st_mode
        links = UInt64(status.st_nlink)
    }

    /// The same file, whatever it is called.
    func isSame(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}

/// An opened directory: what is done to its entries cannot be led astray by a renamed path.
package struct Directory: ~Copyable {
    private let descriptor: OwnedDescriptor

    /// Opens the directory at `path`, absolute, component by component, making missing ones with `mode`, if one is given.
    ///
    /// - Throws: `.tooManySymbolicLinkLevels` for a symbolic link that is neither root's nor our own, `.permissionDenied` for
    ///   a directory that others can write without the sticky bit: both could be turned elsewhere under us.
    package init(trusted path: String, makingMissing mode: UInt32?) throws(Errno) {
        var here = try Self.open("/", at: AT_FDCWD, flags: O_DIRECTORY)
        for component in path.split(separator: "/") where component != "." {
            let name = String(component)
            here = try Self.enter(name, of: here, makingMissing: mode)
        }
        descriptor = here
    }

    /// Where it is now, absolute.
    package var path: String? { CurrentProcess.path(of: descriptor.borrowed) }

    /// A directory that somebody else has opened, and checked.
    package init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    package var borrowed: FileDescriptor { descriptor.borrowed }

    private static func enter(
        _ name: String, of parent: borrowing OwnedDescriptor, makingMissing mode: UInt32?
    ) throws(Errno) -> OwnedDescriptor {
        var flags = O_DIRECTORY | O_NOFOLLOW
        if let entry = try status(of: name, in: parent.rawValue) {
            if entry.isSymbolicLink {
                guard entry.owner == 0 || entry.owner == geteuid() else { throw .tooManySymbolicLinkLevels }
                flags = O_DIRECTORY
            }
        } else if let mode {
            try SystemCall.value { unsafe mkdirat(parent.rawValue, name, mode) }
        }
        let entered = try open(name, at: parent.rawValue, flags: flags)
        var status = stat()
        try SystemCall.value { unsafe fstat(entered.rawValue, &status) }
        if FileStatus(status).isOpenToAll { throw .permissionDenied }
        return entered
    }

    private static func open(_ name: String, at directory: Int32, flags: Int32) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(
            adopting: try SystemCall.value {
                unsafe name.withCString { unsafe baton_open_at(directory, $0, flags | O_RDONLY | O_CLOEXEC, 0) }
            })
    }

    private static func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus? {
        var status = stat()
        do {
            try SystemCall.value { unsafe fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) }
        } catch .noSuchFileOrDirectory {
            return nil
        }
        return FileStatus(status)
    }

    /// The entry `name`, a symbolic link not followed; nil when there is none.
    package borrowing func status(of name: String) throws(Errno) -> FileStatus? {
        try Self.status(of: name, in: descriptor.rawValue)
    }

    /// Removes the entry `name`, which is not a directory.
    package borrowing func remove(_ name: String) throws(Errno) {
        try SystemCall.value { unsafe unlinkat(descriptor.rawValue, name, 0) }
    }

    /// Removes the entry `name` if it is `entry` still.
    package borrowing func remove(_ name: String, ifStill entry: borrowing DirectoryEntry) throws(Errno) {
        guard try status(of: name)?.isSame(as: entry.status) == true else { throw .fileExists }
        try remove(name)
    }

    /// Holds the entry `name`, a symbolic link itself.
    package borrowing func entry(_ name: String) throws(Errno) -> DirectoryEntry {
        try DirectoryEntry(
            OwnedDescriptor(
                adopting: try SystemCall.value {
                    unsafe name.withCString { unsafe baton_hold_at(descriptor.rawValue, $0) }
                }))
    }
}

/// An entry of a directory, held: what is done to it is done to that file, whatever its name means by then.
package struct DirectoryEntry: ~Copyable {
    private let descriptor: OwnedDescriptor
    package let status: FileStatus

    fileprivate init(_ descriptor: consuming OwnedDescriptor) throws(Errno) {
        var status = stat()
        try SystemCall.value { unsafe fstat(descriptor.rawValue, &status) }
        self.descriptor = descriptor
        self.status = FileStatus(status)
    }

    /// The held file as a path, also for connect(2).
    package var path: String { "/proc/self/fd/\(descriptor.rawValue)" }

    /// A socket with one name only: one that has another may be somebody else's, linked here.
    package consuming func socket() throws(Errno) -> DirectoryEntry {
        guard status.isSocket else { throw .noSuchFileOrDirectory }
        guard status.links == 1 else { throw .tooManyLinks }
        return self
    }

    /// Permission bits.
    package borrowing func setMode(_ mode: UInt32) throws(Errno) {
        let path = path
        try SystemCall.value { unsafe chmod(path, mode) }
    }

    /// Owner and group; nil leaves one as it is.
    package borrowing func setOwner(_ owner: UInt32?, group: UInt32?) throws(Errno) {
        try SystemCall.value {
            baton_change_owner(descriptor.rawValue, owner ?? UInt32.max, group ?? UInt32.max)
        }
    }
}

/// The mode bits that new files of this process do not get (umask(2)).
package enum FileCreationMask {
    /// Runs `body` under `mask`.
    package static func with<Value: ~Copyable>(
        _ mask: UInt32, _ body: () throws(Errno) -> Value
    ) throws(Errno) -> Value {
        let before = umask(mask)
        defer { _ = umask(before) }
        return try body()
    }

    /// The mask as it is.
    package static var current: UInt32 {
        let mask = umask(0o077)
        _ = umask(mask)
        return mask
    }
}
