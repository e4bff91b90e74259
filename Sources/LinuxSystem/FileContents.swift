internal import Glibc
package import SystemPackage

/// A regular file read whole, with what decides whether to trust it.
package struct FileContents: Sendable {
    package var bytes: [UInt8]
    package var owner: UInt32
    /// Permission bits.
    package var mode: UInt32
    package var identity: Identity

    /// The file itself, whatever path led to it.
    package struct Identity: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
    }

    package enum Failure: Error, Hashable, Sendable {
        case unreadable(Errno)
        case directory
        /// A FIFO, socket or device.
        case notRegular
        case larger(than: Int)
    }

    /// Reads the file at `path`. O_NONBLOCK: the open of a FIFO would wait for its writer.
    ///
    /// What is checked is the opened file, so no renaming can come in between.
    package init(path: String, most: Int) throws(Failure) {
        do throws(Errno) {
            let file = OwnedDescriptor(
                adopting: try SystemCall.value { unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) })
            var status = stat()
            try SystemCall.value { unsafe fstat(file.rawValue, &status) }
            owner = status.st_uid
            mode = status.st_mode & 0o7777
            identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
            bytes = []
            if status.st_mode & S_IFMT == S_IFREG { bytes = try Self.read(file, most: most + 1) }
            switch status.st_mode & S_IFMT {
            case S_IFREG: break
            case S_IFDIR: throw .isDirectory
            default: throw .noSuchAddressOrDevice
            }
        } catch {
            switch error {
            case .isDirectory: throw .directory
            case .noSuchAddressOrDevice: throw .notRegular
            default: throw .unreadable(error)
            }
        }
        if bytes.count > most { throw .larger(than: most) }
    }

    private static func read(_ file: borrowing OwnedDescriptor, most: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        var count = 0
        while count < most {
            let got = try SystemCall.value {
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    guard let start = buffer.baseAddress else { return 0 }
                    return unsafe Glibc.read(file.rawValue, start + count, most - count)
                }
            }
            if got == 0 { break }
            count += got
        }
        bytes.removeSubrange(count...)
        return bytes
    }
}

/// Questions to the file system by path.
package enum FileSystem {
    /// What stands at a path, symbolic links followed.
    package enum Entry: Hashable, Sendable {
        /// With any x bit (`executable`) or without.
        case file(executable: Bool)
        case directory
        case other
    }

    /// Nil when nothing is there, or it cannot be reached.
    package static func entry(at path: String) -> Entry? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: .file(executable: status.st_mode & 0o111 != 0)
        case S_IFDIR: .directory
        default: .other
        }
    }

    /// A socket stands at the path, symbolic links followed.
    package static func isSocket(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }

    /// Who may put something beside one's own in a directory.
    package enum Exposure: Hashable, Sendable {
        /// Whoever owns this symbolic link on the way, and he is neither root nor we.
        case link(String)
        /// Anybody, and rename and remove what is another's as well, in this directory on the way.
        case toAll(String)
        /// Anybody, but the sticky bit keeps what is another's.
        case sticky
    }

    /// Nil where not everybody may write, as far as the way to the directory can be seen. What `Directory(trusted:)` does not
    /// go through is told first.
    package static func exposure(of directory: String) -> Exposure? {
        var here = ""
        var status = stat()
        for component in directory.split(separator: "/") where component != "." {
            here += "/\(component)"
            guard unsafe lstat(here, &status) == 0 else { return nil }
            if status.st_mode & S_IFMT == S_IFLNK {
                guard status.st_uid == 0 || status.st_uid == geteuid() else { return .link(here) }
                guard unsafe stat(here, &status) == 0 else { return nil }
            }
            if status.st_mode & S_IWOTH != 0, status.st_mode & S_ISVTX == 0 { return .toAll(here) }
        }
        return status.st_mode & S_IWOTH == 0 ? nil : .sticky
    }

    /// Whose a file or directory is, and its permission bits; symbolic links are followed.
    package static func ownership(of path: String) -> (owner: UInt32, mode: UInt32)? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? (status.st_uid, status.st_mode & 0o7777) : nil
    }

    /// A symbolic link stands at the path itself.
    package static func isLink(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// Where a symbolic link leads (readlink(2)); nil when it is none, or cannot be read.
    package static func target(of link: String) -> String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX) + 1) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let length = unsafe readlink(link, start, Int(PATH_MAX))
            guard length > 0 else { return nil }
            unsafe start[length] = 0
            return unsafe String(cString: start)
        }
    }

    /// The names in a directory, sorted by bytes: all of them, or none.
    package static func names(in directory: String) throws(Errno) -> [String] {
        guard let stream = unsafe opendir(directory) else { throw Errno(rawValue: errno) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw Errno(rawValue: errno) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The paths that match a pattern of glob(7), sorted.
    ///
    /// - Throws: What keeps a directory from being read that is there: nobody knows what it would have.
    package static func paths(matching pattern: String) throws(Errno) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        errno = 0
        let answer = unsafe glob(pattern, 0, { _, error in error == ENOENT ? 0 : 1 }, &found)
        switch answer {
        case 0: break
        case GLOB_NOMATCH: return []
        case GLOB_NOSPACE: throw .noMemory
        default: throw errno == 0 ? .ioError : Errno(rawValue: errno)
        }
        return unsafe (0..<Int(found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
        }
    }
}
