internal import LinuxSystem
internal import SystemPackage

/// Tells whoever started the supervisor that every listener has been tried.
enum Readiness {
    /// A newline on a descriptor (the convention of s6).
    static func announce(descriptor: Int32?) {
        guard let descriptor else { return }
        let file = OwnedDescriptor(adopting: descriptor)
        if file.borrowed.takesOutput { _ = file.borrowed.writeOnce([UInt8(ascii: "\n")], from: 0, to: 1) }
    }
}

/// What has to be said before there is a log, or when there is none.
enum StandardError {
    /// The same for one line that must not wait, and may get lost.
    static func tell(_ line: String) {
        _ = try? FileDescriptor.standardError.writeNow(Array((line + "\n").utf8), from: 0)
    }

    static func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        var written = 0
        while written < bytes.count {
            guard let count = FileDescriptor.standardError.writeOnce(bytes, from: written, to: bytes.count), count > 0
            else { return }
            written += count
        }
    }
}
