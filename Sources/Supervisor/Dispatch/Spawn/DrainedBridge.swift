internal import ControlProtocol
internal import LinuxSystem

/// Stands between a client and a process that knows of no drained bytes: the process gets one end of a socketpair, in
/// which the drained bytes come first, and what follows is relayed both ways.
final class DrainedBridge {
    /// What the process is given in the place of the connection.
    let theirs: DescriptorBox
    private let ours: DescriptorBox
    private let drained: [UInt8]
    private let runtime: Runtime
    private var relay: Relay?
    private var origin: ConnectionOrigin?

    init(_ drained: [UInt8], runtime: Runtime) throws {
        let pair = try Socket.pair(.stream)
        try Socket.setNonblocking(pair.ours.borrowed, true)
        theirs = DescriptorBox(pair.theirs)
        ours = DescriptorBox(pair.ours)
        self.drained = drained
        self.runtime = runtime
    }

    /// The process runs: begins to relay. `ended` is called once, when both ends are closed.
    func start(_ connection: DescriptorBox, _ origin: ConnectionOrigin, ended: @escaping () -> Void) {
        _ = theirs.take()  // the process alone holds its end now
        guard let client = connection.take(), let process = ours.take() else { return ended() }
        try? Socket.setNonblocking(client.borrowed, true)
        let relay = Relay(
            client: RelayEnd(client, isUnix: origin.kind == .unix), isShared: origin.isShared,
            target: RelayEnd(process, isUnix: true, isProgram: true),
            header: drained, runtime: runtime, limits: .standard
        ) { _, _ in ended() }
        self.relay = relay
        self.origin = origin
        relay.start()
    }

    /// Nil while its process has not been started.
    var saved: SavedRelay? {
        guard let relay, let origin else { return nil }
        return relay.saved(origin)
    }

    /// One whose process runs already.
    init(_ saved: SavedRelay, runtime: Runtime, ended: @escaping () -> Void) {
        theirs = DescriptorBox()
        ours = DescriptorBox()
        drained = []
        self.runtime = runtime
        let relay = Relay(saved, runtime: runtime, limits: .standard) { _, _ in ended() }
        self.relay = relay
        // Its place is its process's.
        var origin = ConnectionOrigin(
            number: saved.origin.number, peer: saved.origin.peer, kind: saved.origin.kind,
            listener: saved.origin.listener, accepted: saved.origin.accepted)
        origin.isTouched = true
        origin.isShared = saved.origin.isShared
        self.origin = origin
        runtime.loop.afterThisRound { relay.start() }
    }

    /// Breaks it off.
    func end() {
        relay?.end(why: "the service is stopping")
    }
}
