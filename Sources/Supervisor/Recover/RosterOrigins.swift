internal import LinuxSystem
internal import ServiceTable

// What is known of a connection, in the roster and from it.

extension RosterOrigin {
    init(_ origin: borrowing ConnectionOrigin, socket: UInt64 = 0) {
        self.init()
        number = origin.number
        accepted = origin.accepted
        listener = RosterName(origin.listener)
        self.socket = socket
        transport =
            switch origin.kind {
            case .tcp: 0
            case .unix: 1
            case .vsock: 2
            }
        peer = origin.peer
        statedLocal = origin.statedLocal
        isTouched = origin.isTouched
        passes = UInt8(clamping: origin.passes)
        deliveries = UInt8(clamping: origin.deliveries)
        guard let place = origin.place?.saved else { return }
        isInstance = place.isInstance
        if place.isInService { source = place.source.inRoster }
    }
}

extension RosterName {
    /// Endpoints of a service may have one name.
    init(_ endpoint: Endpoint) {
        self.init("\(endpoint.kind.rawValue) \(endpoint.address)")
    }
}

extension SourceKey? {
    fileprivate var inRoster: RosterOrigin.Source {
        switch self {
        case nil: .uncounted
        case .block(let block): .block(length: UInt8(clamping: block.length))
        case .user(let uid): .user(uid)
        case .machine(let cid): .machine(cid)
        case .nobody: .nobody
        }
    }
}

extension SavedOrigin {
    /// - Parameters:
    ///   - names: Of the listeners of its service.
    ///   - now: Nothing was accepted later.
    init(_ entry: RosterOrigin, _ names: Recovery.ListenerNames, now: Duration) {
        self.init()
        number = entry.number
        peer = entry.peer
        kind =
            switch entry.transport {
            case 0: .tcp
            case 1: .unix
            default: .vsock
            }
        listener = names.names[entry.listener] ?? names.otherwise
        accepted = min(max(.zero, entry.accepted), now)
        statedLocal = entry.statedLocal
        isTouched = entry.isTouched
        passes = Int(entry.passes)
        deliveries = Int(entry.deliveries)
        var place = SavedPlace()
        place.isInstance = entry.isInstance
        place.isInService = entry.source != nil
        place.source = entry.source?.key(of: entry.peer)
        if place.isInstance || place.isInService { self.place = place }
    }
}

extension RosterOrigin.Source {
    fileprivate func key(of peer: SocketAddress) -> SourceKey? {
        switch self {
        case .uncounted: nil
        case .block(let length): AddressBlock(peer).map { .block($0.widened(to: Int(length))) } ?? .nobody
        case .user(let uid): .user(uid)
        case .machine(let cid): .machine(cid)
        case .nobody: .nobody
        }
    }
}
