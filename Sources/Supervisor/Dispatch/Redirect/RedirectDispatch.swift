internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Relays connections to another address: no process, no copy, thousands in one loop.
final class RedirectDispatch {
    private var settings: Redirect
    private let refuser: Refuser
    private let record: ServiceRecord
    private let runtime: Runtime
    private let limits: RedirectLimits
    /// Told whenever a connection ended, so that there may be room again.
    private let changed: () -> Void
    private var connecting: [UInt64: Waiting] = [:]
    private var relays: [UInt64: (origin: ConnectionOrigin, relay: Relay)] = [:]
    /// The address that answered last is tried first.
    private var preferred: SocketAddress?

    /// A client whose target has not answered yet.
    private struct Waiting {
        let client: DescriptorBox
        let origin: ConnectionOrigin
        let target: TargetConnection
    }

    init(
        _ settings: Redirect, refuser: Refuser, record: ServiceRecord, runtime: Runtime,
        limits: RedirectLimits = .standard, changed: @escaping () -> Void
    ) {
        self.refuser = refuser
        self.settings = settings
        self.record = record
        self.runtime = runtime
        self.limits = limits
        self.changed = changed
    }

    /// Connections being relayed, or waiting for the target: what `instances` limits.
    var count: Int { connecting.count + relays.count }

    /// Relays `connection`, which counts as active from now on.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        record.connections.active += 1
        let target = TargetConnection(addresses, loop: runtime.loop, limits: limits) { [self] outcome in
            settle(outcome, origin)
        }
        connecting[origin.number] = Waiting(client: connection, origin: origin, target: target)
        target.start()
    }

    /// Connections that come from now on go where `new` says; the others stay where they are.
    func update(_ new: Redirect) {
        settings = new
        if let preferred, !new.addresses.contains(preferred) { self.preferred = nil }
    }

    private var addresses: [SocketAddress] {
        guard let preferred, settings.addresses.first != preferred else { return settings.addresses }
        return [preferred] + settings.addresses.filter { $0 != preferred }
    }

    private func settle(_ outcome: consuming TargetConnection.Outcome, _ origin: ConnectionOrigin) {
        guard let waiting = connecting.removeValue(forKey: origin.number) else { return }
        switch consume outcome {
        case .connected(let target, let address):
            preferred = address
            record.lastFailure = nil
            relay(waiting, target, address)
        case .failed(let address, let error):
            if error.isShortage {
                refuse(waiting, .global, "connect: \(error)")
            } else {
                record.failed(stage: "connect to \(address)", error: "\(error)")
                refuse(waiting, .noHandler, "\(address): \(error)")
            }
        }
    }

    // MARK: Carried over

    var saved: SavedRedirect {
        SavedRedirect(
            preferred: preferred, connecting: connecting.values.compactMap { SavedConnection($0.client, $0.origin) },
            relays: relays.values.compactMap { $0.relay.saved($0.origin) })
    }

    /// Goes on relaying. The connections are counted already.
    func resume(_ saved: SavedRedirect, _ books: Intake) {
        preferred = saved.preferred
        for waiting in saved.connecting {
            let connection = waiting.descriptor.adoptBox()
            let origin = ConnectionOrigin(waiting.origin, books)
            runtime.loop.afterThisRound { [self] in
                record.connections.active -= 1
                dispatch(connection, origin)
            }
        }
        for saved in saved.relays {
            let origin = ConnectionOrigin(saved.origin, books)
            let relay = Relay(saved, runtime: runtime, limits: limits) { [self] in ended(origin, $0, $1) }
            relays[origin.number] = (origin, relay)
            runtime.loop.afterThisRound { relay.start() }
        }
    }

    private func relay(_ waiting: Waiting, _ target: consuming OwnedDescriptor, _ address: SocketAddress) {
        let origin = waiting.origin
        guard let socket = waiting.client.borrowed else { return }
        do {
            try Socket.setNonblocking(socket, true)
        } catch {
            return refuse(waiting, .global, "fcntl: \(error)")
        }
        // Each end waits for the other's words: none is to be kept back for more.
        if origin.kind == .tcp { try? Socket.set(.noDelay, 1, on: socket) }
        if address.isInternet { try? Socket.set(.noDelay, 1, on: target.borrowed) }
        let header = settings.proxyHeader?.header(for: origin, socket: socket) ?? []
        guard let client = waiting.client.take() else { return }
        let relay = Relay(
            client: RelayEnd(client, isUnix: origin.kind == .unix), isShared: origin.isShared,
            target: RelayEnd(target, isUnix: address.isUnix), header: header + origin.drained, runtime: runtime,
            limits: limits
        ) { [self] traffic, why in ended(origin, traffic, why) }
        relays[origin.number] = (origin, relay)
        relay.start()
    }

    private func ended(_ origin: ConnectionOrigin, _ traffic: Traffic, _ why: String?) {
        relays[origin.number] = nil
        record.connections.active -= 1
        record.connections.ended += 1
        record.report(.ended(duration: runtime.loop.now - origin.accepted, traffic: traffic, why: why), origin)
        changed()
    }

    func list(in census: inout ConnectionCensus) {
        for waiting in connecting.values { census.add(waiting.origin, .connecting) }
        for (origin, _) in relays.values { census.add(origin, .relayed) }
    }

    /// Breaks off every connection, for the supervisor stops now.
    func endAll() {
        for waiting in connecting.values {
            waiting.target.cancel()
            connecting[waiting.origin.number] = nil
            refuse(waiting, .stopping, "the target had not answered yet")
        }
        for (_, relay) in relays.values { relay.end(why: "the service is stopping") }
    }

    private func refuse(_ waiting: Waiting, _ reason: RefusalReason, _ detail: String) {
        record.connections.active -= 1
        refuser.refuse(waiting.client, waiting.origin, reason, detail: detail)
        changed()
    }
}

extension ProxyHeaderVersion {
    /// What tells the target who the client is, and what it connected to.
    fileprivate func header(for origin: ConnectionOrigin, socket: FileDescriptor) -> [UInt8] {
        let addresses = origin.local(socket).map { StatedAddresses(source: origin.peer, destination: $0) }
        switch self {
        case .v1: return ProxyLine.encode(addresses)
        case .v2: return (addresses?.header ?? .local).encoded
        }
    }
}

extension SocketAddress {
    fileprivate var isUnix: Bool {
        switch self {
        case .unix, .abstract: true
        case .ipv4, .ipv6, .vsock: false
        }
    }

    fileprivate var isInternet: Bool {
        switch self {
        case .ipv4, .ipv6: true
        case .unix, .abstract, .vsock: false
        }
    }
}
