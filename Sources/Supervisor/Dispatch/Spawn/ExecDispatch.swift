internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// A process for each connection (inetd's nowait).
final class ExecDispatch {
    var program: HandlerProgram
    private let refuser: Refuser
    private let record: ServiceRecord
    private let runtime: Runtime
    /// Told whenever a process ended, so that there may be room again.
    private let changed: () -> Void
    private var starting = Roll<Start>()
    private var running = Roll<Instance>()
    /// Between clients and processes, by connection.
    private var bridges: [UInt64: DrainedBridge] = [:]

    /// A connection whose process is on its way.
    private final class Start: RollMember {
        let connection: DescriptorBox
        let origin: ConnectionOrigin
        let bridge: DrainedBridge?
        var rollPlace = 0

        init(_ connection: DescriptorBox, _ origin: consuming ConnectionOrigin, _ bridge: DrainedBridge?) {
            self.connection = connection
            self.origin = origin
            self.bridge = bridge
        }
    }

    init(
        program: HandlerProgram, refuser: Refuser, record: ServiceRecord, runtime: Runtime,
        changed: @escaping () -> Void
    ) {
        self.program = program
        self.refuser = refuser
        self.record = record
        self.runtime = runtime
        self.changed = changed
    }

    /// Processes, running or being started: what `instances` limits.
    var count: Int { starting.count + running.count }
    var instances: [Instance] { running.members }
    /// Connections that need the supervisor still.
    var bridgeCount: Int { bridges.count }

    /// Starts a handler for `connection`, which counts as active from now on.
    ///
    /// - Parameter file: What it is given as its last descriptor.
    func dispatch(_ connection: DescriptorBox, _ origin: consuming ConnectionOrigin, beside file: DescriptorBox? = nil)
    {
        guard let socket = connection.borrowed else { return }
        var bridge: DrainedBridge?
        do {
            if !origin.drained.isEmpty { bridge = try DrainedBridge(origin.drained, runtime: runtime) }
        } catch {
            return refuser.refuse(connection, origin, .global, detail: "socketpair: \(error)")
        }
        record.connections.active += 1
        let begun = Start(connection, origin, bridge)
        starting.add(begun)
        let systemd = program.service.style == .systemd
        var start = program.start(
            systemd ? .numbered : .standardInput, sockets: [bridge?.theirs ?? connection],
            announcing: systemd ? ["connection"] : nil
        ) { $0.describe(begun.origin, socket: socket) }
        if let file { start.add(file) }
        runtime.launchers.spawn(start.spawn, passing: start.passing) { [self] outcome in
            starting.remove(begun)
            settle(outcome, begun)
        }
    }

    private func settle(_ outcome: SpawnOutcome, _ begun: Start) {
        switch outcome {
        case .running(let pid):
            record.connections.spawned += 1
            record.timings.spawn.record(runtime.loop.now - begun.origin.accepted)
            if record.lastFailure != nil { record.lastFailure = nil }
            if let bridge = begun.bridge { start(bridge, begun) }
            if let descriptor = begun.connection.take() { runtime.close(descriptor) }
            let instance = Instance(
                pid: pid, service: record.name, limits: program.limits, origin: begun.origin, runtime: runtime
            ) { [self] instance, status in
                record.ended(instance, status)
                ended(instance)
            }
            instance.enroll()
            running.add(instance)
            // Whoever is killed now has entered it, and the next one tells of its end.
            record.report(.process(.spawned(pid: Int(pid))), begun.origin)
        case .failed(_, let stage, let error):
            record.connections.active -= 1
            record.failed(stage: stage.description, error: "\(error)")
            record.report(.process(.spawnFailed(stage: stage.description, error: "\(error)")), begun.origin)
            refuser.refuse(begun.connection, begun.origin, .spawn)
            changed()
        }
    }

    private func start(_ bridge: DrainedBridge, _ begun: Start) {
        let number = begun.origin.number
        bridges[number] = bridge
        bridge.start(begun.connection, begun.origin) { [self] in
            bridges[number] = nil
            changed()
        }
    }

    func list(in census: inout ConnectionCensus) {
        for start in starting.members { census.add(start.origin, .starting) }
        for instance in running.members {
            if let origin = instance.origin { census.add(origin, .running, pid: instance.pid) }
        }
    }

    /// Breaks off what goes through us, for the supervisor stops now.
    func endBridges() {
        for bridge in bridges.values { bridge.end() }
    }

    // MARK: Carried over

    var saved: SavedExec {
        SavedExec(
            running: running.members.compactMap { instance in
                instance.origin.map { SavedExec.Process(instance: instance.saved, origin: $0.saved) }
            }, bridges: bridges.values.compactMap(\.saved))
    }

    /// Goes on with processes that run already. Their connections are counted.
    func resume(_ saved: SavedExec, _ books: Intake) {
        for process in saved.running {
            let instance = Instance(
                process.instance, service: record.name, limits: program.limits,
                origin: ConnectionOrigin(process.origin, books), runtime: runtime
            ) { [self] instance, _ in ended(instance) }
            instance.enroll()
            running.add(instance)
        }
        for bridge in saved.bridges {
            let number = bridge.origin.number
            bridges[number] = DrainedBridge(bridge, runtime: runtime) { [self] in
                bridges[number] = nil
                changed()
            }
        }
    }

    private func ended(_ instance: Instance) {
        running.remove(instance)
        record.connections.active -= 1
        record.connections.ended += 1
        program.finishedWriting(instance.pid)
        changed()
    }
}

extension HandlerProgram {
    /// The process `pid` has ended: its last words go to the log.
    func finishedWriting(_ pid: Int32) {
        standardError?.finish(pid)
    }
}
