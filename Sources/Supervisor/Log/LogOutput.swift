internal import LinuxSystem
internal import SystemPackage

/// Writes the log's lines without ever waiting for whoever reads them.
///
/// Standard error is often shared with others, so its mode is left alone: a pipe or terminal is asked
/// first whether it takes a line (pipe(7): up to PIPE_BUF bytes then do not block). What it does not take
/// waits here, up to a limit; beyond that lines are dropped, and their number is said when it goes on.
final class LogOutput: EventSource {
    private var descriptor: FileDescriptor
    /// The log's own file, where it has one.
    private var file: OwnedDescriptor?
    private var path: String?
    private let loop: EventLoop
    private var waiting: [UInt8] = []
    private var dropped = 0
    private var registration: RegistrationID?

    /// Bytes that may wait.
    private static let longestQueue = 256 * 1024
    /// What one write may take: PIPE_BUF.
    private static let chunk = 4096

    /// - Parameter descriptor: Stays the caller's, and open.
    init(_ descriptor: FileDescriptor, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    /// Goes on in the file at `path`.
    func open(_ path: String) throws(Errno) {
        let opened = try OwnedDescriptor.appending(to: path)
        drain()
        watch(false)
        descriptor = opened.borrowed
        file = consume opened
        self.path = path
    }

    /// Goes on in standard error.
    func leaveFile() {
        drain()
        watch(false)
        descriptor = .standardError
        file = nil
        path = nil
    }

    /// The file was moved away, perhaps: goes on in a new one of that name.
    func reopen() {
        guard let path else { return }
        do {
            try open(path)
        } catch {
            write("cannot reopen the log \(path): \(error)")
        }
    }

    func write(_ line: String) {
        guard waiting.count < Self.longestQueue else {
            dropped += 1
            return
        }
        waiting.append(contentsOf: line.utf8)
        waiting.append(UInt8(ascii: "\n"))
        if registration == nil { drain() }
    }

    func ready(_ interest: Epoll.Interest) {
        drain()
    }

    /// Writes what can be written now; the rest when the reader has made room.
    private func drain() {
        var written = 0
        while written < waiting.count, descriptor.takesOutput {
            let end = min(waiting.count, written + Self.chunk)
            guard let count = descriptor.writeOnce(waiting, from: written, to: end) else {
                // Nobody reads the log any more: keep nothing for it.
                written = waiting.count
                break
            }
            written += count
        }
        waiting.removeFirst(written)
        watch(!waiting.isEmpty)
        if dropped > 0, waiting.isEmpty {
            let count = dropped
            dropped = 0
            write("\(count) lines of this log were dropped: its reader was too slow")
        }
    }

    private func watch(_ on: Bool) {
        if on, registration == nil {
            registration = try? loop.watch(descriptor, for: .writable, self)
        } else if !on, let registration {
            loop.forget(registration)
            self.registration = nil
        }
    }
}
