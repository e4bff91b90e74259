internal import SystemPackage

/// Where everything goes that is no result.
enum StandardError {
    /// Writes a line. Nobody is left to be told when that fails.
    static func write(_ line: String) {
        _ = try? FileDescriptor.standardError.writeAll(Array((line + "\n").utf8))
    }
}
