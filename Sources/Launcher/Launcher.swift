internal import LinuxSystem
internal import SystemPackage

/// The process that does what may block or needs privilege: it gets jobs and descriptors over a seqpacket
/// channel, begins them in their order, and answers each when it is done.
///
/// It knows no policy. What it spawns are the supervisor's children, not its own. While one of them is on its way to
/// its program it takes further jobs, so that one that hangs there holds up no other; it is the supervisor's to kill.
///
/// A guarded one does not trust who asks: it starts what there is a permit for, and launchers like itself.
package struct Launcher: ~Copyable {
    private let channel: OwnedDescriptor
    private var slots: SpawnSlots
    /// What a guarded one may start.
    private var permits: Permits?
    private var buffer = [UInt8](repeating: 0, count: LaunchJob.mostBytes)
    private var replies: [LaunchReply] = []

    /// Serves jobs until the channel ends, which it does with the supervisor.
    ///
    /// - Parameters:
    ///   - channel: The descriptor of the channel.
    ///   - report: The descriptor of the page that tells which jobs are under way (`SpawnReportPage`).
    ///   - permits: The descriptor of what it may start (`PermitBook`); nil: all that it is asked to.
    /// - Returns: The exit status: 0 at the end of the channel.
    package static func run(channel: Int32, report: Int32, permits: Int32? = nil) -> Int32 {
        let dispositions = LaunchProcess.settle(name: "baton-launcher")
        guard
            let shown = try? SpawnReportPage(
                attaching: OwnedDescriptor(adopting: report), places: LaunchJob.mostUnderWay),
            // Whoever it does not trust can write to what it shows.
            let page = permits == nil ? shown : try? SpawnReportPage(places: LaunchJob.mostUnderWay),
            let slots = try? SpawnSlots(page, shownOn: shown, dispositions: dispositions, asSiblings: true)
        else { return 71 }
        CurrentProcess.letCodeGo()
        var launcher = Launcher(
            channel: OwnedDescriptor(adopting: channel), slots: slots,
            permits: permits.map { Permits(OwnedDescriptor(adopting: $0)) })
        return launcher.serve() ? 0 : 71
    }

    private init(
        channel: consuming OwnedDescriptor, slots: consuming SpawnSlots, permits: consuming Permits?
    ) {
        self.channel = channel
        self.slots = slots
        self.permits = permits
    }

    /// - Returns: True at the end of the channel, false when it broke.
    private mutating func serve() -> Bool {
        do {
            while true {
                switch slots.isFull ? .none : try begin() {
                case .begun: break
                case .none: if try !wait() { return true }
                case .end: return true
                case .illegible: return false
                }
                try answer()
            }
        } catch {
            // The supervisor is gone with replies or jobs on their way.
            return error == .brokenPipe || error == .connectionReset
        }
    }

    /// For a child to finish, or, where those that there are take long, for a job as well.
    ///
    /// - Returns: False when the channel has ended, and there is no place to read the rest of it for.
    private mutating func wait() throws(Errno) -> Bool {
        if slots.wait() { return true }
        let isFull = slots.isFull
        let isReady = try Poll.wait(for: channel.borrowed, isFull ? [] : .readable, within: Self.patience)
        return !(isFull && isReady)
    }

    /// How late it may notice that one has finished after all.
    private static let patience = Duration.milliseconds(5)

    private enum Next {
        case begun
        /// There is none yet.
        case none
        case end
        case illegible
    }

    /// Begins the next job. Waits for it only while nothing is under way.
    private mutating func begin() throws(Errno) -> Next {
        let received: DescriptorPassing.Received
        do {
            received = try DescriptorPassing.receive(
                into: &buffer, room: LaunchJob.mostDescriptors, on: channel.borrowed, blocking: slots.isEmpty)
        } catch .wouldBlock {
            return .none
        }
        if received.count == 0 { return .end }
        guard let job = LaunchJob.decode(buffer, count: received.count) else { return .illegible }
        if let failure = carryOut(job, received) { replies.append(LaunchReply(number: job.number, outcome: failure)) }
        // Now, not when the array happens to go: until the reply the supervisor holds them too, so none
        // of these closes is the last, which might block.
        for box in received.descriptors { _ = box.take() }
        return .begun
    }

    /// Tells what is done.
    private mutating func answer() throws(Errno) {
        while let reply = slots.nextFinished() { replies.append(reply) }
        guard !replies.isEmpty else { return }
        try DescriptorPassing.send(LaunchReply.encode(replies), on: channel.borrowed, blocking: true)
        replies.removeAll(keepingCapacity: true)
    }

    /// - Returns: Nil for what is under way now.
    private mutating func carryOut(
        _ job: LaunchJob.Received, _ received: DescriptorPassing.Received
    ) -> SpawnOutcome? {
        if received.dataTruncated { return Self.failed(.argListTooLong) }
        // Its own table is full.
        if received.descriptorsTruncated { return Self.failed(.tooManyOpenFiles) }
        let descriptors = received.descriptors.compactMap(\.borrowed)
        switch job.task {
        case .spawn(let image, let permit):
            let isAllowed = permits?.allow(image, as: permit, in: buffer, from: job.imageStart, to: received.count)
            if isAllowed == false { return Self.failed(.notPermitted) }
            return begin(image, in: buffer, count: received.count, passing: descriptors, job.number)
        case .launcher(let program): return startLauncher(program, passing: descriptors, job.number)
        case .close(let hasGate): return close(received.descriptors, hasGate: hasGate)
        case .unreadable: return Self.failed(.invalidArgument)
        }
    }

    private mutating func begin(
        _ image: SpawnImage, in bytes: [UInt8], count: Int, passing descriptors: [FileDescriptor], _ job: UInt64
    ) -> SpawnOutcome? {
        var image = image
        let isBegun = slots.begin(&image, in: bytes, count: count, passing: descriptors, job: job)
        return isBegun ? nil : Self.failed(.invalidArgument)
    }

    /// One with the permits of this one: by itself, or who has lost the right to could not replace one that was lost.
    private mutating func startLauncher(
        _ program: LaunchJob.LauncherProgram, passing descriptors: [FileDescriptor], _ job: UInt64
    ) -> SpawnOutcome? {
        guard descriptors.count == 2, let permits = permits?.borrowed else { return Self.failed(.invalidArgument) }
        let path = program == .onDisk ? ProgramChange.path : "/proc/self/exe"
        guard let path else { return Self.failed(.noSuchFileOrDirectory) }
        let plan = SpawnPlan(
            path: path, arguments: ["batond", "launcher", "3", "4", "5"],
            descriptors: [.null, .null, .null, .passed(0), .passed(1), .passed(2)])
        var bytes: [UInt8] = []
        do { try plan.encode(into: &bytes) } catch { return Self.failed(error) }
        guard let image = SpawnImage(decoding: bytes, from: 0, to: bytes.count) else {
            return Self.failed(.invalidArgument)
        }
        return begin(image, in: bytes, count: bytes.count, passing: descriptors + [permits], job)
    }

    private func close(_ boxes: [DescriptorBox], hasGate: Bool) -> SpawnOutcome {
        let gate = hasGate ? boxes.last : nil
        let sockets = boxes.dropLast(hasGate ? 1 : 0)
        guard !sockets.isEmpty else { return Self.failed(.invalidArgument) }
        // Without a child the launcher waits in close itself; the supervisor replaces it if that takes long.
        guard let pid = Spawn.closeByExit(Array(sockets), gate: gate?.borrowed) else {
            return .failed(pid: nil, stage: .clone, error: .resourceTemporarilyUnavailable)
        }
        return .running(pid: pid)
    }

    private static func failed(_ error: Errno) -> SpawnOutcome {
        .failed(pid: nil, stage: .prepare, error: error)
    }
}
