internal import CLinux
internal import Glibc
package import SystemPackage

/// The pid file of a supervisor, locked while it runs (flock(2)): a second one sees that there is a first.
///
/// Nobody else may open it: whoever may read a file may lock it, and would keep a supervisor from starting again.
package struct PidFile: ~Copyable {
    private let descriptor: OwnedDescriptor

    package static let name = "baton.pid"

    /// Locks the file in an opened directory and writes our pid into it.
    ///
    /// - Throws: `.wouldBlock` when another process holds the lock.
    package init(in directory: FileDescriptor) throws(Errno) {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        let file = OwnedDescriptor(
            adopting: try SystemCall.value {
                unsafe Self.name.withCString { unsafe baton_open_at(directory.rawValue, $0, flags, 0o600) }
            })
        try Self.makeOurs(file)
        try SystemCall.value { flock(file.rawValue, LOCK_EX | LOCK_NB) }
        try SystemCall.value { ftruncate(file.rawValue, 0) }
        let line = Array("\(getpid())\n".utf8)
        _ = file.borrowed.writeOnce(line, from: 0, to: line.count)
        descriptor = file
    }

    /// A file that was there already may be another's, or one that has another name elsewhere.
    private static func makeOurs(_ file: borrowing OwnedDescriptor) throws(Errno) {
        var status = stat()
        try SystemCall.value { unsafe fstat(file.rawValue, &status) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid() else { throw .notPermitted }
        guard status.st_nlink == 1 else { throw .tooManyLinks }
        try SystemCall.value { fchmod(file.rawValue, 0o600) }
    }

    /// Takes over a file that is locked and has our pid in it.
    package init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// The locked file, which stays this one's.
    package var borrowed: FileDescriptor { descriptor.borrowed }
}
