internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Keeps one supervised handler: starts it when it is wanted, and again when it ended, with backoff.
final class HandlerSupply {
    private let settings: Handoff
    private let program: HandlerProgram?
    private let record: ServiceRecord
    private let runtime: Runtime
    private let packets: PacketBuffer
    weak var owner: HandoffDispatch?
    private var policy: RestartPolicy
    private var state = State.idle
    private var stopped = false

    private enum State {
        /// None, and none is wanted yet.
        case idle
        case running
        case waiting(TimerID)
        /// `timer` is nil when only a person starts it again.
        case failed(timer: TimerID?, until: Duration?)
        /// The first start after a failure is under way.
        case recovering
    }

    /// The number of the channel in the handler, the first after the standard ones.
    private static let channelNumber = 3
    /// Descriptors that a handler gets beyond its connections.
    private static let spareDescriptors: UInt64 = 64

    init(settings: Handoff, program: HandlerProgram?, record: ServiceRecord, runtime: Runtime, packets: PacketBuffer) {
        self.settings = settings
        self.program = program
        self.record = record
        self.runtime = runtime
        self.packets = packets
        policy = RestartPolicy(settings.restart, start: settings.start)
    }

    private(set) var isStarting = false
    /// The handler that serves or is to serve; one that drains is no longer it.
    private var current: Handler?

    var isFailed: Bool {
        switch state {
        case .failed, .recovering: true
        case .idle, .running, .waiting: false
        }
    }

    /// For the status: why nobody comes, and when the next try is.
    var failure: String? {
        guard case .failed(_, let until) = state else { return nil }
        guard let until else { return "its handler is not started again by itself" }
        return "its handler does not start; next try in \(max(.zero, until - runtime.loop.now).brief)"
    }

    /// Somebody waits for a handler.
    func demand() {
        if case .idle = state, program != nil, !stopped {
            state = .running
            start()
        }
    }

    /// It has registered.
    func succeeded() {
        if isFailed { record.report(.service(.recovered)) }
        state = .running
        record.lastFailure = nil
    }

    func stop() {
        stopped = true
        switch state {
        case .waiting(let timer), .failed(let timer?, _): runtime.loop.cancel(timer)
        case .idle, .running, .failed, .recovering: break
        }
        state = .idle
    }

    /// It takes no more: the next connection that waits brings another.
    func left(_ handler: Handler) {
        guard handler === current, handler.machine.endsAsAsked else { return }
        current = nil
        state = .idle
    }

    /// The handler is gone.
    func ended(_ handler: Handler, _ departure: HandlerMachine.Departure, worked: Bool) {
        guard handler === current else { return }
        current = nil
        switch departure.manner {
        case .dismissed: state = .idle
        case .finished: decide(.finished, why: departure.description)
        case .crashed: decide(worked ? .crashed : .failedStart, why: departure.description)
        case .failedStart:
            record.failed(stage: "register", error: departure.description)
            decide(.failedStart, why: departure.description)
        }
    }

    private func decide(_ end: RestartPolicy.End, why: String) {
        guard !stopped else { return }
        if worked(end) { policy.succeeded() }
        switch policy.ended(end, at: runtime.loop.now, jitter: Double.random(in: 0..<1)) {
        case .whenNeeded:
            state = .idle
        case .start(let delay):
            if end == .failedStart { report(why, retry: delay) }
            state = .waiting(later(delay) { $0.state = .running })
        case .failed(let delay):
            record.report(.service(.failed(why: why, retry: delay)))
            let until = delay.map { runtime.loop.now + $0 }
            state = .failed(timer: delay.map { later($0) { $0.state = .recovering } }, until: until)
            owner?.supplyFailed()
        }
    }

    private func worked(_ end: RestartPolicy.End) -> Bool { end != .failedStart }

    private func later(_ delay: Duration, _ change: @escaping (HandlerSupply) -> Void) -> TimerID {
        runtime.loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            change(self)
            start()
        }
    }

    private func report(_ why: String, retry: Duration) {
        record.report(.handler(.startFailed(pid: nil, why: why, retry: retry)))
    }

    // MARK: Starting one

    private func start() {
        guard let program, let owner else { return }
        do {
            // The handler's end is in blocking mode; ours waits for nothing.
            let pair = try Socket.pair(.sequencedPacket)
            try Socket.setNonblocking(pair.ours.borrowed, true)
            Channel.widen(pair.theirs.borrowed)
            let handler = Handler(
                .supervised, pid: 0, settings: settings, record: record, runtime: runtime, owner: owner)
            owner.add(handler)
            current = handler
            launch(program, handler, ours: DescriptorBox(pair.ours), theirs: DescriptorBox(pair.theirs))
        } catch {
            spawnFailed(stage: "channel", error: "\(error)")
        }
    }

    private func launch(_ program: HandlerProgram, _ handler: Handler, ours: DescriptorBox, theirs: DescriptorBox) {
        var start = program.start(.numbered, sockets: [theirs]) { environment in
            environment.set("BATON_CHANNEL", "\(Self.channelNumber)")
            environment.set("BATON_PROTOCOL", "\(ProtocolVersion.current.rawValue)")
        }
        limitDescriptors(&start.plan)
        isStarting = true
        runtime.launchers.spawn(start.plan, passing: start.passing) { [self] outcome in
            isStarting = false
            _ = theirs.take()  // ours was for the launcher only: now the handler alone holds its end
            switch outcome {
            case .running(let pid):
                record.connections.spawned += 1
                record.report(.handler(.starting(id: handler.id, pid: Int(pid))))
                // Only now: what it says is heard when it is known who it is.
                adopt(ours, for: handler)
                handler.spawned(as: pid, settings: processSettings(program)) { program.finishedWriting(pid) }
            case .failed(_, let stage, let error):
                current = nil
                owner?.forget(handler)
                spawnFailed(stage: stage.description, error: "\(error)")
            }
        }
    }

    private func adopt(_ ours: DescriptorBox, for handler: Handler) {
        // Without memory for the registration the handler meets the end of its channel, and fails to start.
        guard let socket = ours.take(), let channel = try? Channel(socket, packets: packets, loop: runtime.loop)
        else { return handler.handle(.channelHungUp) }
        handler.take(channel)
    }

    private func processSettings(_ program: HandlerProgram) -> ProcessSettings {
        var settings = program.service.process
        settings.stopGrace = self.settings.stopGrace
        return settings
    }

    private func spawnFailed(stage: String, error: String) {
        record.failed(stage: stage, error: error)
        decide(.failedStart, why: "\(stage): \(error)")
    }

    /// Its soft limit of open files is what it needs, unless the table says otherwise.
    private func limitDescriptors(_ plan: inout SpawnPlan) {
        let number = ResourceLimits.openFilesNumber
        guard !plan.resourceLimits.contains(where: { $0.resource == number }) else { return }
        let hard = runtime.originalOpenFiles.hard
        let soft = min(hard, UInt64(settings.capacity) + Self.spareDescriptors)
        plan.resourceLimits.append(SpawnPlan.ResourceLimit(resource: number, soft: soft, hard: hard))
    }
}
