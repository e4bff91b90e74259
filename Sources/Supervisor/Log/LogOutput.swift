internal import DequeModule
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Writes the log's records without ever waiting for whoever reads them.
///
/// What cannot be written now waits here, up to a limit; beyond that records are dropped, and their number is told when
/// it goes on. What failed is opened anew and tried again with backoff: a syslog daemon that was restarted, a disk that
/// was full.
final class LogOutput: EventSource {
    private var target: any LogTarget
    private let loop: EventLoop
    private var waiting: Deque<[UInt8]> = []
    private var waitingBytes = 0
    /// How much of the first one is written.
    private var begun = 0
    private var registration: RegistrationID?
    private var retry: TimerID?
    private var isHeld = false
    private var failures = 0
    /// Why it does not go on; nil while it does, or only its reader is slow.
    private var trouble: String?
    /// Lines since it went on last, and why.
    private(set) var dropped = 0
    private(set) var whyDropped = ""
    /// Told once everything is written again, when something could not be.
    var caughtUp: (_ dropped: Int, _ why: String) -> Void = { _, _ in }

    /// Bytes that may wait.
    private static let longestQueue = 256 * 1024
    private static let backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))

    init(_ target: any LogTarget, loop: EventLoop) {
        self.target = target
        self.loop = loop
    }

    /// Goes on at `target`. What waits is in another form, and dropped.
    ///
    /// - Throws: Why it cannot be opened, and nothing has changed. A socket at which nobody receives yet is no failure.
    func go(to target: any LogTarget) throws(Errno) {
        do {
            try target.open()
        } catch {
            guard target is SocketTarget, error != .notSocket else { throw error }
        }
        unwatch()
        self.target = target
        dropAll("the log went to \(target.name)")
        restart()
    }

    /// The file was moved away, perhaps: goes on in a new one of that name.
    func reopen() throws(Errno) {
        // Registered while it is busy, and closed when another takes its place.
        unwatch()
        defer { restart() }
        // Another file begins with a whole line.
        if try !target.open() { begun = 0 }
    }

    // MARK: Carried over

    /// What has yet to be written.
    var saved: [SavedBytes] {
        var records = waiting.map { SavedBytes(bytes: $0) }
        if begun > 0 { records[0].bytes.removeFirst(begun) }
        return records
    }

    /// Goes on with what the program before could not write.
    ///
    /// Nothing is written in this round; what is said in it comes behind `records`, whose first may be the rest of a line.
    ///
    /// - Parameter dropped: Lines that it has dropped, and not told of.
    func resume(_ records: [SavedBytes], dropped: Int, why: String) {
        drop(dropped, why)
        waiting = Deque(records.map(\.bytes))
        waitingBytes = records.reduce(0) { $0 + $1.bytes.count }
        isHeld = true
        loop.afterThisRound { [self] in
            isHeld = false
            drain()
        }
    }

    private func restart() {
        if let retry { loop.cancel(retry) }
        retry = nil
        drain()
    }

    func write(_ record: [UInt8]) {
        guard waitingBytes + record.count <= Self.longestQueue else {
            return drop(1, trouble ?? "its reader was too slow")
        }
        waiting.append(record)
        waitingBytes += record.count
        if registration == nil, retry == nil, !isHeld { drain() }
    }

    func ready(_ interest: Epoll.Interest) {
        drain()
    }

    private func drop(_ count: Int, _ why: String) {
        dropped += count
        whyDropped = why
    }

    /// Writes what can be written now.
    private func drain() {
        var hasReopened = false
        while let record = waiting.first {
            switch target.write(record, from: begun) {
            case .wrote(let count):
                begun += count
                if begun >= record.count { finishFirst() }
                failures = 0
                trouble = nil
            case .busy:
                return watch()
            case .tooLong:
                drop(1, "\(target.name): longer than a datagram may be")
                finishFirst()
            case .gone:
                dropAll("\(target.name): nobody read it")
                return unwatch()
            case .failed(let error):
                unwatch()
                guard !hasReopened, target is SocketTarget else { return tryLater(error) }
                hasReopened = true
                do { try target.open() } catch { return tryLater(error) }
            }
        }
        unwatch()
        tellDropped()
    }

    private func dropAll(_ why: String) {
        if !waiting.isEmpty { drop(waiting.count, why) }
        while !waiting.isEmpty { finishFirst() }
    }

    private func finishFirst() {
        waitingBytes -= waiting.removeFirst().count
        begun = 0
    }

    private func tryLater(_ error: Errno) {
        failures += 1
        if trouble == nil {
            trouble = "\(target.name): \(error)"
            StandardError.tell("batond: the log waits: \(target.name): \(error)")
        }
        retry = loop.schedule(after: Self.backoff.delay(afterFailures: failures)) { [weak self] in
            self?.retry = nil
            self?.drain()
        }
    }

    private func tellDropped() {
        guard dropped > 0 else { return }
        let count = dropped
        dropped = 0
        caughtUp(count, whyDropped)
    }

    private func watch() {
        guard registration == nil, let descriptor = target.descriptor else { return }
        do {
            registration = try loop.watch(descriptor, for: .writable, self)
        } catch {
            tryLater(error)
        }
    }

    private func unwatch() {
        if let registration { loop.forget(registration) }
        registration = nil
    }
}
