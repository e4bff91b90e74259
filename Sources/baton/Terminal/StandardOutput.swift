@unsafe @preconcurrency internal import Glibc
internal import SystemPackage

/// Results that come one by one: each is written at once, whole.
enum StandardOutput {
    /// - Returns: False when nobody reads any more.
    static func write(_ line: String) throws(Failure) -> Bool {
        do {
            _ = try FileDescriptor.standardOutput.writeAll(Array((line + "\n").utf8))
            return true
        } catch Errno.brokenPipe {
            return false
        } catch {
            throw Failure(.failed, "standard output: \(error)")
        }
    }

    /// What was printed may be in the buffer still, and have no place where it goes.
    static func flush() throws(Failure) {
        if fflush(nil) != 0 { throw Failure(.failed, "standard output: \(Errno(rawValue: errno))") }
        // More than the buffer takes is written as it is printed, and print does not say how that went.
        if unsafe ferror(stdout) != 0 { throw Failure(.failed, "standard output: not all of it could be written") }
    }

    /// Where it is closed, what is opened first would get its number, and be printed to. Writing to this fails.
    static func keepPlace() {
        let number = FileDescriptor.standardOutput.rawValue
        guard fcntl(number, F_GETFD) == -1,
            let null = try? FileDescriptor.open(FilePath("/dev/null"), .readOnly, options: .closeOnExec)
        else { return }
        if null.rawValue == number { return }
        _ = fcntl(null.rawValue, F_DUPFD_CLOEXEC, number)
        try? null.close()
    }
}
