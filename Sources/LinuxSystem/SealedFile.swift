internal import CLinux
internal import Glibc
package import SystemPackage

extension OwnedDescriptor {
    /// A file in memory with `content`, which nobody can change any more (memfd_create(2), F_ADD_SEALS).
    ///
    /// - Parameter name: For /proc only.
    package static func sealedFile(_ content: [UInt8], name: String) throws(Errno) -> OwnedDescriptor {
        let file = OwnedDescriptor(adopting: try SystemCall.value { unsafe baton_sealable_file(name) })
        var written = 0
        while written < content.count {
            written += try file.borrowed.writeNow(content, from: written)
        }
        try SystemCall.value { baton_seal(file.rawValue) }
        return file
    }
}

extension FileDescriptor {
    /// The whole of a file, wherever others that share it stand in it (pread(2)); EFBIG when it has more than `most`
    /// bytes, EINVAL when it is no regular file, EBADF when it is none: what a process is started with may be anything.
    package func contents(most: Int) throws(Errno) -> [UInt8] {
        var status = Glibc.stat()
        guard unsafe fstat(rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .invalidArgument }
        let size = Int(status.st_size)
        guard size <= most else { throw .fileTooLarge }
        return try bytes(most: size)
    }

    /// Its first bytes, as many as there are (pread(2)).
    func bytes(most: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        var count = 0
        while count < most {
            let got = try SystemCall.value {
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    guard let start = buffer.baseAddress else { return 0 }
                    return unsafe Glibc.pread(rawValue, start + count, most - count, off_t(count))
                }
            }
            if got == 0 { break }
            count += got
        }
        bytes.removeSubrange(count...)
        return bytes
    }
}

extension CurrentProcess {
    /// How many descriptors are open; nil where the kernel does not count them (before Linux 6.2).
    package static var openFiles: Int? {
        var status = stat()
        guard unsafe stat("/proc/self/fd", &status) == 0, status.st_size > 0 else { return nil }
        return Int(status.st_size)
    }
}
