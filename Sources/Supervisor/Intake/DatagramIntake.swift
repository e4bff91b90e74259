internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

// Where there are no connections: each datagram is decided on by itself, or, where a `wait` handler takes them, the
// first one.

extension Intake {
    /// Unwanted datagrams eaten in one round of the loop.
    private static let datagramBudget = 64
    private static let closedInterval = Duration.seconds(5)

    /// Why a datagram from `source` is dropped; nil lets it in, and takes its tokens.
    ///
    /// Whose name is not known yet is dropped, too: there is no place to keep it, and its sender will try again.
    func drop(_ source: SocketAddress?) -> DropReason? {
        switch decide(datagramFrom: source, .notAsked) {
        case .admit: return nil
        case .drop(let reason): return reason
        case .askName:
            guard let source else { return .source }
            if let known = runtime.names.knownName(of: source) {
                return decide(datagramFrom: source, SourceName(known)).reason
            }
            runtime.names.confirmedName(of: source) { _ in }
            return .source
        }
    }

    /// Whether a handler may be started for what waits first at `listener`. Unwanted datagrams are eaten, for the
    /// handler would take whatever comes.
    func admitsFirst(of listener: Listener) -> Bool {
        guard listener.endpoint.kind.isDatagram else { return waitsUntilOpen(listener) }
        guard let socket = listener.descriptor else { return true }
        for _ in 0..<Self.datagramBudget {
            guard let first = try? Datagrams.receive(from: socket, most: 0, peeking: true) else { return false }
            switch decide(datagramFrom: first.source, known(first.source)) {
            case .admit: return true
            case .drop(let reason):
                if let eaten = try? Datagrams.receive(from: socket, most: 0) {
                    runtime.closeForeign(eaten.descriptors)
                }
                record.drop(reason, at: runtime.loop.now)
            case .askName:
                guard let source = first.source else { return false }
                listener.hold(.name)
                runtime.names.confirmedName(of: source) { [weak listener] _ in listener?.release(.name) }
                return false
            }
        }
        return false
    }

    /// The handler would accept whoever comes: outside of `access_times`, and above `max_load`, clients wait in the
    /// backlog. It is looked at again only while some are there.
    private func waitsUntilOpen(_ listener: Listener) -> Bool {
        if isOpen { return true }
        listener.hold(.closed)
        _ = runtime.loop.schedule(after: Self.closedInterval) { [weak listener] in listener?.release(.closed) }
        return false
    }

    private func known(_ source: SocketAddress?) -> SourceName {
        source.flatMap { runtime.names.knownName(of: $0) }.map { SourceName($0) } ?? .notAsked
    }
}
