internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Starts handlers of one service: a channel, a process at its other end.
struct HandlerStart {
    let program: HandlerProgram
    @Shared private var settings: Handoff
    private let record: ServiceRecord
    private let runtime: Runtime

    /// The number of the channel in the handler, the first after the standard ones.
    private static let channelNumber = 3

    init(program: HandlerProgram, settings: Shared<Handoff>, record: ServiceRecord, runtime: Runtime) {
        self.program = program
        _settings = settings
        self.record = record
        self.runtime = runtime
    }

    /// What was not started, and why.
    struct Failure: Error {
        var stage: String
        var error: String
    }

    /// - Parameter answer: Called once, later: nil when the process runs.
    /// - Returns: The handler, on its way.
    func begin(for owner: any HandlerOwner, answer: @escaping (Handler, Failure?) -> Void) throws(Errno) -> Handler {
        // The handler's end stays in blocking mode.
        let pair = try Socket.pair(.sequencedPacket)
        Channel.widen(pair.theirs.borrowed)
        let handler = Handler(.supervised, pid: 0, settings: settings, record: record, runtime: runtime, owner: owner)
        launch(handler, ours: DescriptorBox(pair.ours), theirs: DescriptorBox(pair.theirs), answer)
        return handler
    }

    private func launch(
        _ handler: Handler, ours: DescriptorBox, theirs: DescriptorBox,
        _ answer: @escaping (Handler, Failure?) -> Void
    ) {
        let start = program.start(.numbered, sockets: [theirs]) { environment in
            environment.set("BATON_CHANNEL", "\(Self.channelNumber)")
            environment.set("BATON_PROTOCOL", "\(ProtocolVersion.current.rawValue)")
        }
        runtime.launchers.spawn(start.spawn, passing: start.passing) { [self] outcome in
            _ = theirs.take()  // ours was for the launcher only: now the handler alone holds its end
            switch outcome {
            case .running(let pid):
                record.connections.spawned += 1
                record.report(.handler(.starting(id: handler.id, pid: Int(pid))))
                // Only now: what it says is heard when it is known who it is.
                adopt(ours, for: handler)
                handler.spawned(as: pid, limits: limits) { program.finishedWriting(pid) }
                answer(handler, nil)
            case .failed(_, let stage, let error):
                answer(handler, Failure(stage: stage.description, error: "\(error)"))
            }
        }
    }

    private func adopt(_ ours: DescriptorBox, for handler: Handler) {
        // Without memory for the registration the handler meets the end of its channel, and fails to start.
        guard let socket = ours.take(),
            let channel = try? Channel(
                socket, .packets, takesDescriptors: !settings.passTo.isEmpty, runtime: runtime)
        else { return handler.handle(.channelHungUp) }
        handler.take(channel)
    }

    /// The same for one that was started by the program before.
    func follow(_ handler: Handler, _ instance: SavedInstance) {
        handler.follow(instance, limits: limits) { program.finishedWriting(instance.pid) }
    }

    private var limits: InstanceLimits {
        var limits = program.limits
        limits.stopGrace = settings.stopGrace
        return limits
    }

    /// The limit of a handler that runs was made for another capacity: what it could not open it would have to give
    /// back, one by one.
    func raiseDescriptors(of pid: Int32) {
        guard !program.service.process.resourceLimits.contains(where: { $0.resource == .nofile }),
            var limit = try? ResourceLimits.openFiles(of: pid)
        else { return }
        let needed = settings.openFiles(of: runtime.originalOpenFiles).soft
        guard limit.soft < needed else { return }
        // Of another user without the right to: the handler has to do with what it has.
        limit.soft = min(limit.hard, needed)
        try? ResourceLimits.setOpenFiles(limit, of: pid)
    }
}

extension Handoff {
    /// Descriptors that a handler gets beyond its connections.
    private static let spareDescriptors: UInt64 = 64

    /// A handler's limit of open files: its soft limit is what it needs.
    func openFiles(of original: ResourceLimits.Pair) -> ResourceLimits.Pair {
        ResourceLimits.Pair(
            soft: min(original.hard, UInt64(capacity) + Self.spareDescriptors), hard: original.hard)
    }
}
