internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// The standard error of all handlers of one service, line by line into the log.
///
/// One stream socket serves them all; SO_PASSCRED tells whose each piece is. The writing end is nonblocking, so a flood
/// costs its writer lines and never time. Over 100 lines a second, and what is longer than 1 KiB in a line, is dropped
/// and counted.
final class StandardErrorStream: EventSource {
    private let service: String
    private let runtime: Runtime
    private let ours: OwnedDescriptor
    /// The end that handlers write to, one for all of them. Nil after `retire`.
    private(set) var writingEnd: DescriptorBox?
    private var registration: RegistrationID?
    private var unfinished: [Int32: [UInt8]] = [:]
    private var second = Duration.zero
    private var linesInSecond = 0
    private var dropped = 0
    private var summary: TimerID?
    /// Under which both ends are kept, so that those who write are not killed (SIGPIPE) when the supervisor is; 0: they
    /// are not.
    private var kept: UInt64 = 0
    private var place: Roster.Place?

    private static let linesPerSecond = 100
    /// Bytes. A small piece takes the kernel some 700, so that this is a burst of about 3,000 lines.
    private static let sendBuffer = 1024 * 1024
    /// Writers whose last line is not finished yet; beyond them, lines are cut where their pieces end.
    private static let mostWriters = 256
    /// Pieces read in one round of the loop.
    private static let budget = 32

    init(service: String, runtime: Runtime) throws(Errno) {
        self.service = service
        self.runtime = runtime
        let pair = try Socket.pair(.stream, nonblocking: true)
        try Socket.set(.passCredentials, 1, on: pair.ours.borrowed)
        Socket.shutdown(pair.ours.borrowed, reading: false, writing: true)
        Socket.widen(pair.theirs.borrowed, to: Self.sendBuffer)
        ours = pair.ours
        writingEnd = DescriptorBox(pair.theirs)
        try listen()
        keep()
    }

    /// Goes on with the socket that handlers of the program before write to.
    init(_ saved: SavedStandardError, service: String, runtime: Runtime) throws(Errno) {
        self.service = service
        self.runtime = runtime
        ours = saved.ours.adopt()
        writingEnd = saved.theirs?.adoptBox()
        unfinished = Dictionary(saved.lines.map { ($0.pid, $0.bytes) }) { $1 }
        try listen()
        kept = saved.kept
        runtime.lastKept = max(runtime.lastKept, kept)
        if kept != 0 { enroll() }
    }

    var saved: SavedStandardError {
        SavedStandardError(
            ours: SavedDescriptor(ours.borrowed), theirs: writingEnd?.saved,
            lines: unfinished.map { SavedStandardError.Line(pid: $0.key, bytes: $0.value) }, kept: kept)
    }

    private func listen() throws(Errno) {
        registration = try runtime.loop.watch(ours.borrowed, for: .readable, self)
    }

    private func keep() {
        guard let keeper = runtime.keeper, let theirs = writingEnd?.borrowed else { return }
        let number = runtime.nextKeptNumber()
        guard keeper.keep([ours.borrowed, theirs], number) else { return }
        kept = number
        enroll()
    }

    private func enroll() {
        var entry = RosterLog()
        (entry.number, entry.service) = (kept, RosterName(service))
        place = runtime.roster?.enter(entry)
    }

    /// Who still writes when the supervisor is killed writes to nobody.
    private func giveUp() {
        if let place = place.take() { runtime.roster?.leave(place) }
        if kept != 0 { runtime.keeper?.giveUp(kept) }
        kept = 0
    }

    /// No handler is given it any more: it ends when nobody has a writing end, of those that are being started either.
    func retire() {
        writingEnd = nil
        giveUp()
    }

    /// What is read from, while somebody may write.
    var readingEnd: FileDescriptor? { isOver ? nil : ours.borrowed }

    /// Nobody can write to it any more. As long as we have the writing end ourselves one of the writers has done that for
    /// all (shutdown(2)).
    var isOver: Bool { registration == nil }

    private func end() {
        for (pid, line) in unfinished { finish(line, from: pid) }
        unfinished = [:]
        summarize()
        if writingEnd != nil { giveUp() }
        close()
    }

    private func close() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
    }

    func ready(_ interest: Epoll.Interest) {
        for _ in 0..<Self.budget {
            guard
                let piece = try? DescriptorPassing.receive(
                    into: &runtime.packets.bytes, room: DescriptorPassing.mostDescriptors, withPID: true,
                    on: ours.borrowed)
            else { return }
            // No line has any.
            runtime.closeForeign(piece.descriptors)
            guard piece.count > 0 else { return end() }
            take(runtime.packets.bytes[..<piece.count], from: piece.pid)
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>, from pid: Int32) {
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let begun = unfinished.removeValue(forKey: pid) ?? []
            finish(begun + rest[..<end].prefix(Self.mostBytes - begun.count), from: pid)
            rest = rest[(end + 1)...]
        }
        guard !rest.isEmpty else { return }
        var line = unfinished[pid] ?? []
        line += rest.prefix(Self.mostBytes - line.count)
        if unfinished.count < Self.mostWriters || unfinished[pid] != nil {
            unfinished[pid] = line
        } else {
            finish(line, from: pid)
        }
    }

    /// Of a line: one more shows that it is too long.
    private static let mostBytes = ProcessEvent.longestLine + 1

    /// The process `pid` has ended: what it began to write is its last line.
    func finish(_ pid: Int32) {
        ready(.readable)
        if let line = unfinished.removeValue(forKey: pid) { finish(line, from: pid) }
    }

    private func finish(_ line: [UInt8], from pid: Int32) {
        // sshd and others end their lines as for a terminal.
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line[...]
        guard !line.isEmpty else { return }
        if runtime.loop.now - second >= .seconds(1) {
            second = runtime.loop.now
            linesInSecond = 0
        }
        linesInSecond += 1
        guard linesInSecond <= Self.linesPerSecond else { return drop() }
        let shown = line.prefix(ProcessEvent.longestLine)
        report(.standardError(pid: Int(pid), line: String(decoding: shown, as: UTF8.self)))
        if shown.count < line.count { drop() }
    }

    private func drop() {
        dropped += 1
        guard summary == nil else { return }
        summary = runtime.loop.schedule(after: .seconds(1)) { [weak self] in self?.summarize() }
    }

    private func summarize() {
        if let summary { runtime.loop.cancel(summary) }
        summary = nil
        if dropped > 0 { report(.standardErrorDropped(lines: dropped)) }
        dropped = 0
    }

    /// Nobody will read on: what was begun, and what was dropped, is told now.
    func tellRest() {
        ready(.readable)
        for (pid, line) in unfinished { finish(line, from: pid) }
        unfinished = [:]
        summarize()
    }

    private func report(_ event: ProcessEvent) {
        runtime.events.report(.process(event), service: service)
    }
}
