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
}
