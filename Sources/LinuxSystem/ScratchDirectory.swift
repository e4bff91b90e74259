internal import Glibc
package import SystemPackage

/// A directory of our own (mkdtemp(3), mode 0700), removed with the files and sockets in it.
package struct ScratchDirectory: ~Copyable {
    package let path: String

    /// Under TMPDIR, else /tmp; `prefix` begins its name.
    package init(prefix: String) throws(Errno) {
        let parent = CurrentProcess.environment("TMPDIR") ?? "/tmp"
        var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress, let name = unsafe mkdtemp(start) else { return nil }
            return unsafe String(cString: name)
        }
        guard let made else { throw Errno(rawValue: errno) }
        path = made
    }

    deinit {
        for name in (try? FileSystem.names(in: path)) ?? [] { _ = unsafe unlink("\(path)/\(name)") }
        _ = unsafe rmdir(path)
    }
}
