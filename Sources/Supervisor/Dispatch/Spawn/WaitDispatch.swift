internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// A handler that gets the listening or datagram socket itself (inetd's wait): started when something
/// comes, and the socket is watched again when it ends.
///
/// It has one listener, or, in style systemd, all of the service's.
final class WaitDispatch {
    private(set) var listeners: [Listener]
    /// Those whose sockets the process has.
    private var lent: [Listener] = []
    private var program: HandlerProgram
    private let record: ServiceRecord
    private let runtime: Runtime
    private let changed: () -> Void
    private var trigger: TriggerPolicy
    private var isStarting = false
    private var began = Duration.zero
    private(set) var instance: Instance?
    private var notifying: NotifyingProcess?
    /// What the process counts against.
    private var place: Place?
    private var pause: TimerID?
    /// The handler was asked to end: that it does is no failure.
    private var isRestarting = false
    private var stopped = false
    /// The first datagram of each listener when the handler was started, to see whether it still is.
    private var firstDatagrams: [(listener: Listener, datagram: PeekedDatagram?)] = []
    /// The last handler left clients in a backlog: whether the next one accepts anybody is looked at.
    private var leftClients = false
    /// As it was when the handler was started; of one listener: a handler of several may serve one after the other.
    private var backlog: Backlog?

    init(
        listeners: [Listener], program: HandlerProgram, record: ServiceRecord, runtime: Runtime,
        changed: @escaping () -> Void
    ) {
        self.listeners = listeners
        self.program = program
        self.record = record
        self.runtime = runtime
        self.changed = changed
        trigger = TriggerPolicy(program.service.triggerLimit)
    }

    /// To the next try when descriptors, memory or processes are short.
    private static let shortage = Duration.seconds(1)

    /// Processes, running or being started.
    var count: Int { isStarting || instance != nil ? 1 : 0 }
    var isPaused: Bool { pause != nil }
    /// When it is tried again, while it is paused.
    private(set) var pausedUntil = Duration.zero

    /// One of the sockets has something to read.
    ///
    /// - Parameter takePlace: Asked when a process is really started.
    func start(takePlace: () -> Place?) {
        guard count == 0, pause == nil, !stopped else { return }
        let sockets = listeners.compactMap { $0.lend() }
        let bound = listeners.filter { $0.descriptor != nil }
        let isWhole = sockets.count == bound.count && !listeners.contains { $0.holds.contains(.former) }
        guard isWhole, !bound.isEmpty else { return paused(for: Self.shortage) }
        firstDatagrams = listeners.map { ($0, peek($0)) }
        backlog = leftClients && bound.count == 1 ? bound[0].descriptor.flatMap { Backlog(of: $0) } : nil
        lent = bound
        for listener in listeners { listener.hold(.handler) }
        isStarting = true
        began = runtime.loop.now
        place = takePlace()
        let systemd = program.service.style == .systemd
        let start = program.start(
            systemd ? .numbered : .standardInput, sockets: sockets,
            announcing: systemd ? bound.map(\.endpoint.name) : nil
        ) { environment in
            environment.describe(listeners: bound)
            announceNotifySocket(in: &environment)
        }
        runtime.launchers.spawn(start.spawn, passing: start.passing) { [self] in settle($0) }
    }

    /// sd_notify(3), sd_watchdog_enabled(3). Behind a chroot the socket cannot be reached.
    private func announceNotifySocket(in environment: inout StartEnvironment) {
        guard program.service.process.chroot == nil, let socket = runtime.notifications else { return }
        environment.set("NOTIFY_SOCKET", socket.path)
        if let timeout = program.service.heartbeat {
            environment.set("WATCHDOG_USEC", "\(timeout.milliseconds * 1000)")
        }
    }

    /// The process that it runs, and what that has said of itself.
    var process: ProcessStatus? {
        instance.map {
            ProcessStatus(pid: Int($0.pid), started: $0.started, state: notifying?.state, status: notifying?.status)
        }
    }

    private func settle(_ outcome: SpawnOutcome) {
        isStarting = false
        switch outcome {
        case .running(let pid):
            record.connections.spawned += 1
            record.timings.spawn.record(runtime.loop.now - began)
            record.lastFailure = nil
            record.report(.process(.spawned(pid: Int(pid), listener: listeners.first?.endpoint.name)))
            follow(SavedInstance(pid: pid, started: .now, since: runtime.moment, due: runtimeDue))
        case .failed(_, let stage, let error):
            record.failed(stage: stage.description, error: "\(error)")
            record.report(.process(.spawnFailed(stage: stage.description, error: "\(error)")))
            // No handler has failed, and nothing that it has not seen is eaten.
            let isShort = error.isShortage || error == .resourceTemporarilyUnavailable
            if isShort, !stopped { rest() } else { finished(well: false) }
        }
    }

    private var runtimeDue: Duration? { program.service.process.runtimeLimit.map { runtime.loop.now + $0 } }

    private func follow(_ process: SavedInstance) {
        let instance = Instance(
            process, service: record.name, limits: program.limits, origin: nil, runtime: runtime
        ) { [self] in ended($0, $1) }
        instance.enroll(endpoint: listeners.first?.endpoint)
        self.instance = instance
        notifying = NotifyingProcess(pid: process.pid, service: program.service, record: record, runtime: runtime) {
            [weak instance] in instance?.kill(why: $0)
        }
    }

    // MARK: Carried over

    var saved: SavedWait {
        SavedWait(
            instance: instance?.saved, notifying: notifying?.saved, trigger: trigger.content,
            pauseDue: runtime.loop.time(of: pause), isRestarting: isRestarting,
            lent: lent.filter { $0.holds.contains(.former) }.compactMap { $0.descriptor?.rawValue })
    }

    /// Goes on with the process that has the sockets already. What it was started for is not known any more: it counts
    /// as read.
    ///
    /// - Parameter sockets: The listeners of all services, by descriptor.
    func resume(_ saved: SavedWait, _ sockets: [Int32: Listener]) {
        trigger.content = saved.trigger
        isRestarting = saved.isRestarting
        if let process = saved.instance {
            for listener in listeners { listener.hold(.handler) }
            let others = saved.lent.compactMap { sockets[$0] }
            for listener in others { listener.hold(.former) }
            lent = listeners.filter { $0.descriptor != nil } + others
            place = runtime.occupancy.take()
            follow(process)
            if let words = saved.notifying { notifying?.resume(words) }
        } else if let due = saved.pauseDue {
            paused(until: due)
        }
    }

    private func ended(_ instance: Instance, _ status: ExitStatus) {
        record.ended(instance, status)
        self.instance = nil
        notifying?.end()
        notifying = nil
        program.finishedWriting(instance.pid)
        let asked = isRestarting
        isRestarting = false
        if asked { resume() } else { finished(well: status.succeeded) }
    }

    private func rest() {
        place = nil
        firstDatagrams = []
        paused(for: Self.shortage)
    }

    private func finished(well: Bool) {
        place = nil
        let unread = firstDatagrams.contains { peek($0.listener) == $0.datagram && $0.datagram != nil }
        let isUntouched = backlog?.isUntouched() ?? false
        backlog = nil
        leftClients = listeners.contains(where: \.hasClients)
        if well && !unread && !isUntouched {
            trigger.succeeded()
            resume()
        } else if !stopped, let delay = trigger.failed(at: runtime.loop.now) {
            let limit = program.service.triggerLimit
            record.report(
                .service(.triggerLimit(failures: limit.burst ?? 0, interval: limit.interval, pause: delay)))
            paused(for: delay)
        } else {
            resume()
        }
    }

    private func paused(for delay: Duration) {
        paused(until: runtime.loop.now + delay)
    }

    private func paused(until time: Duration) {
        for listener in listeners {
            listener.hold(.trigger)
            listener.release(.handler)
        }
        pausedUntil = time
        pause = runtime.loop.schedule(at: time) { [self] in
            pause = nil
            eatFirstDatagram()
            resume()
        }
        changed()
    }

    /// What handlers failed on is eaten, so that the next one meets the next datagram. A stream has nothing
    /// to eat: its clients stay in the backlog.
    private func eatFirstDatagram() {
        for (listener, first) in firstDatagrams {
            guard let first, let descriptor = listener.descriptor, peek(listener) == first else { continue }
            guard let eaten = try? Datagrams.receive(from: descriptor, most: 0) else { continue }
            runtime.closeForeign(eaten.descriptors)
            record.connections.dropped[.trigger] += 1
            record.report(.connection(.dropped(.trigger)))
        }
    }

    private func resume() {
        for listener in lent where listener.holds.contains(.former) { listener.comeBack() }
        lent = []
        for listener in listeners {
            listener.reopenIfShutDown()
            listener.release([.handler, .trigger])
        }
        changed()
    }

    /// Ends the handler, with its grace; the next one starts when something comes. One that is paused by
    /// `trigger_limit` is tried again at once.
    ///
    /// - Returns: Whether there was anything to restart.
    func restart() -> Bool {
        if let instance {
            isRestarting = true
            instance.terminate(why: "restart")
            return true
        }
        guard let pause else { return isStarting }
        runtime.loop.cancel(pause)
        self.pause = nil
        trigger.succeeded()
        resume()
        return true
    }

    /// No handler is started any more; the one that runs goes on, and keeps the sockets that it has until it ends.
    func stop() {
        stopped = true
        if let pause { runtime.loop.cancel(pause) }
        pause = nil
        letGo(listeners)
    }

    // MARK: Reload

    /// Goes by another definition, on other listeners. A process that runs goes on as it was started.
    func update(_ program: HandlerProgram, listeners new: [Listener]) {
        if program.service.triggerLimit != self.program.service.triggerLimit {
            trigger = TriggerPolicy(program.service.triggerLimit)
        }
        self.program = program
        letGo(listeners.filter { old in !new.contains { $0 === old } })
        listeners = new
        if count > 0 { for listener in new { listener.hold(.handler) } }
        if isPaused { for listener in new { listener.hold(.trigger) } }
    }

    /// Whether it has one of these.
    func shares(_ others: [Listener]) -> Bool {
        listeners.contains { listener in others.contains { $0 === listener } }
    }

    /// They are no longer its own, but for as long as the process has them.
    func letGo(_ gone: [Listener]) {
        listeners.removeAll { listener in gone.contains { $0 === listener } }
        for listener in gone where !listener.holds.contains(.former) {
            if count > 0, lent.contains(where: { $0 === listener }) { listener.hold(.former) }
            listener.release([.handler, .trigger])
        }
    }

    private func peek(_ listener: Listener) -> PeekedDatagram? {
        guard listener.endpoint.kind.isDatagram, let descriptor = listener.descriptor else { return nil }
        return PeekedDatagram(first: descriptor)
    }
}

extension Listener {
    /// Somebody waits in its backlog.
    fileprivate var hasClients: Bool {
        guard !endpoint.kind.isDatagram, let descriptor else { return false }
        return (try? Poll.wait(for: descriptor, .readable, within: .zero)) == true
    }
}
