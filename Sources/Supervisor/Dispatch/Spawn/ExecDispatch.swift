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
    private var starting: [UInt64: ConnectionOrigin] = [:]
    private var running: [Int32: Instance] = [:]
    /// Between clients and processes, by connection.
    private var bridges: [UInt64: DrainedBridge] = [:]

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
    var instances: [Instance] { Array(running.values) }
    /// Connections that need the supervisor still.
    var bridgeCount: Int { bridges.count }

    /// Starts a handler for `connection`, which counts as active from now on.
    ///
    /// - Parameter file: What it is given as its last descriptor.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin, beside file: DescriptorBox? = nil) {
        guard let socket = connection.borrowed else { return }
        var bridge: DrainedBridge?
        do {
            if !origin.drained.isEmpty { bridge = try DrainedBridge(origin.drained, runtime: runtime) }
        } catch {
            return refuser.refuse(connection, origin, .global, detail: "socketpair: \(error)")
        }
        record.connections.active += 1
        starting[origin.number] = origin
        let systemd = program.service.style == .systemd
        var start = program.start(
            systemd ? .numbered : .standardInput, sockets: [bridge?.theirs ?? connection],
            announcing: systemd ? ["connection"] : nil
        ) { $0.describe(origin, socket: socket) }
        if let file { start.add(file) }
        runtime.launchers.spawn(start.spawn, passing: start.passing) { [self] outcome in
            starting[origin.number] = nil
            settle(outcome, connection, origin, bridge)
        }
    }

    private func settle(
        _ outcome: SpawnOutcome, _ connection: DescriptorBox, _ origin: ConnectionOrigin, _ bridge: DrainedBridge?
    ) {
        switch outcome {
        case .running(let pid):
            record.connections.spawned += 1
            record.timings.spawn.record(runtime.loop.now - origin.accepted)
            record.lastFailure = nil
            if let bridge { start(bridge, connection, origin) }
            if let descriptor = connection.take() { runtime.close(descriptor) }
            let instance = Instance(
                pid: pid, service: record.name, limits: program.limits, origin: origin, runtime: runtime
            ) { [self] instance, status in
                record.ended(instance, status)
                ended(pid)
            }
            instance.enroll()
            running[pid] = instance
            // Whoever is killed now has entered it, and the next one tells of its end.
            record.report(.process(.spawned(pid: Int(pid))), origin)
        case .failed(_, let stage, let error):
            record.connections.active -= 1
            record.failed(stage: stage.description, error: "\(error)")
            record.report(.process(.spawnFailed(stage: stage.description, error: "\(error)")), origin)
            refuser.refuse(connection, origin, .spawn)
            changed()
        }
    }

    private func start(_ bridge: DrainedBridge, _ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        bridges[origin.number] = bridge
        bridge.start(connection, origin) { [self] in
            bridges[origin.number] = nil
            changed()
        }
    }

    func list(in census: inout ConnectionCensus) {
        for origin in starting.values { census.add(origin, .starting) }
        for instance in running.values {
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
            running: running.values.compactMap { instance in
                instance.origin.map { SavedExec.Process(instance: instance.saved, origin: $0.saved) }
            }, bridges: bridges.values.compactMap(\.saved))
    }

    /// Goes on with processes that run already. Their connections are counted.
    func resume(_ saved: SavedExec, _ books: Intake) {
        for process in saved.running {
            let pid = process.instance.pid
            let instance = Instance(
                process.instance, service: record.name, limits: program.limits,
                origin: ConnectionOrigin(process.origin, books), runtime: runtime
            ) { [self] _, _ in ended(pid) }
            instance.enroll()
            running[pid] = instance
        }
        for bridge in saved.bridges {
            let number = bridge.origin.number
            bridges[number] = DrainedBridge(bridge, runtime: runtime) { [self] in
                bridges[number] = nil
                changed()
            }
        }
    }

    private func ended(_ pid: Int32) {
        running[pid] = nil
        record.connections.active -= 1
        record.connections.ended += 1
        program.finishedWriting(pid)
        changed()
    }
}

extension HandlerProgram {
    /// The process `pid` has ended: its last words go to the log.
    func finishedWriting(_ pid: Int32) {
        standardError?.finish(pid)
    }
}
