internal import CLinux
internal import Glibc
package import SystemPackage

/// Bytes in memory that nobody can change any more (memfd_create(2), F_ADD_SEALS), to be read by another program.
package struct SealedFile: ~Copyable {
    private let descriptor: OwnedDescriptor

    /// - Parameter name: For /proc only.
    package init(_ content: [UInt8], name: String) throws(Errno) {
        let file = OwnedDescriptor(adopting: try SystemCall.value { unsafe baton_sealable_file(name) })
        var written = 0
        while written < content.count {
            guard let count = file.borrowed.writeOnce(content, from: written, to: content.count) else { throw .ioError }
            written += count
        }
        try SystemCall.value { lseek(file.rawValue, 0, SEEK_SET) }
        try SystemCall.value { baton_seal(file.rawValue) }
        descriptor = file
    }

    /// The file, close-on-exec, with its position at the beginning.
    package var borrowed: FileDescriptor { descriptor.borrowed }

    /// Another descriptor for it, to be passed on.
    package borrowing func duplicate() throws(Errno) -> OwnedDescriptor {
        try descriptor.duplicate()
    }

    /// All that is in the file behind `number`, wherever its position is.
    ///
    /// - Throws: `.fileTooLarge` when it has more than `most` bytes.
    package static func content(of number: Int32, most: Int) throws(Errno) -> [UInt8] {
        var status = stat()
        try SystemCall.value { unsafe fstat(number, &status) }
        guard status.st_size <= most else { throw .fileTooLarge }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(Int(status.st_size), 1 << 20))
        while bytes.count < Int(status.st_size) {
            let count = try SystemCall.value { unsafe pread(number, &piece, piece.count, off_t(bytes.count)) }
            guard count > 0 else { throw .ioError }
            bytes += piece[..<count]
        }
        return bytes
    }
}
