internal import LinuxSystem
internal import SystemPackage

/// What the handlers of one service write to their standard error goes line by line into the log: through a stream of the
/// service's own, from the first of them on.
final class StandardErrorLog {
    private let service: String
    private let runtime: Runtime
    private var stream: StandardErrorStream?
    private var isRetired = false

    /// - Parameter saved: The socket that handlers of the program before write to.
    init(_ saved: SavedStandardError?, service: String, runtime: Runtime) {
        self.service = service
        self.runtime = runtime
        if let saved { stream = try? StandardErrorStream(saved, service: service, runtime: runtime) }
    }

    /// Nil where nobody has been given a writing end.
    var saved: SavedStandardError? { stream?.saved }

    /// The end that handlers write to, one for all of them: never to be taken out of its box. Nil after `retire`.
    func writingEnd() throws(Errno) -> DescriptorBox? {
        if stream?.isOver ?? true, !isRetired { stream = try StandardErrorStream(service: service, runtime: runtime) }
        return stream?.writingEnd
    }

    /// What is read from, while somebody may write.
    var readingEnd: FileDescriptor? { stream?.readingEnd }

    /// The process `pid` has ended: what it began to write is its last line.
    func finish(_ pid: Int32) {
        stream?.finish(pid)
    }

    /// Nobody will read on: what was begun, and what was dropped, is told now.
    func tellRest() {
        stream?.tellRest()
    }

    /// No handler is given it any more: it ends when nobody has one, of those that are being started either.
    func retire() {
        isRetired = true
        stream?.retire()
    }
}
