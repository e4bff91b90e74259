internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Who is told what a listener's socket brings.
protocol ListenerOwner: AnyObject {
    /// How many connections may be taken now; 0 leaves the rest in the backlog.
    var room: Int { get }
    /// `listener` has connections that there is no room for: it is to be held, and released when there is.
    func lacksRoom(_ listener: Listener)
    func accepted(_ connection: consuming AcceptedSocket, on listener: Listener)
    /// The socket of a listener that does not accept has something to read.
    func readable(_ listener: Listener)
    func listenerChanged(_ listener: Listener, _ change: Listener.Change)
}

/// The bound socket of one endpoint: in the poll set while nothing holds it back, bound again when it
/// must be, and never given up while its service lives.
final class Listener: EventSource {
    private(set) var endpoint: Endpoint {
        didSet { priority = endpoint.options.priority }
    }
    /// Of what it accepts.
    private var priority: Int?
    private var accepts: Bool
    private let loop: EventLoop
    private let shortage: DescriptorShortage
    private let addresses: AddressWatch
    private weak var owner: (any ListenerOwner)?
    private var socket: OwnedDescriptor?
    private let supply: any ListenerSupply
    private var keeping = ListenerKeeping.nobody
    /// A handler had the socket, and may have kept it: the mode, which lives in the open file description, is anybody's.
    private var wasLent = false
    /// Bound, and told of.
    private var isOpen = false
    /// Where it was bound last: a port that the kernel gave is kept when it has to be bound anew.
    private var lastAddress: SocketAddress?
    private var registration: RegistrationID?
    private var retry: BindRetry?
    private(set) var holds: Holds = []

    enum Change {
        case bound(SocketAddress)
        case retrying(step: String, error: Errno, delay: Duration)
        /// accept failed for a reason that is the connection's own.
        case connectionFailed(Errno)
        case short(Errno)
        case shutDown
    }

    private struct BindRetry {
        var failures: Int
        var error: String
        var at: Duration
        var timer: TimerID
    }

    /// Connections accepted in one round of the loop, so that a flood on one listener starves nobody.
    private static let acceptBudget = 16
    /// Connections accepted before it is closed, so that a flood does not keep it open.
    private static let mostLast = 4096
    private static let bindBackoff = Backoff(first: .seconds(1), longest: .seconds(60))

    init(
        _ endpoint: Endpoint, accepts: Bool, loop: EventLoop, shortage: DescriptorShortage, addresses: AddressWatch,
        supply: any ListenerSupply = ListenerStore(), owner: any ListenerOwner
    ) {
        self.endpoint = endpoint
        priority = endpoint.options.priority
        self.accepts = accepts
        self.loop = loop
        self.shortage = shortage
        self.addresses = addresses
        self.supply = supply
        self.owner = owner
    }

    /// The socket, while it is bound; it stays the listener's.
    var descriptor: FileDescriptor? { socket?.borrowed }

    /// Where it is bound, with the port that the kernel gave; before that, where it is to be.
    var address: SocketAddress {
        socket == nil ? endpoint.address : lastAddress ?? boundAddressNow ?? endpoint.address
    }

    private var boundAddressNow: SocketAddress? {
        descriptor.flatMap { try? Socket.localAddress(of: $0) }
    }

    /// Tries to bind; on failure it is tried again with backoff, and as soon as a missing address has appeared.
    func open() {
        guard !isOpen else { return }
        if let retry { loop.cancel(retry.timer) }
        do {
            try bind()
        } catch {
            if endpoint.lacksAddress(after: error.error) { addresses.add(self) } else { addresses.remove(self) }
            let failures = (retry?.failures ?? 0) + 1
            let delay = Self.bindBackoff.delay(afterFailures: failures)
            let timer = loop.schedule(after: delay) { [weak self] in self?.open() }
            retry = BindRetry(
                failures: failures, error: "\(error.step): \(error.error)", at: loop.now + delay, timer: timer)
            owner?.listenerChanged(self, .retrying(step: error.step, error: error.error, delay: delay))
        }
    }

    /// Binds before `open`, where that can be done: nothing is told, watched or tried again yet.
    func bindAhead() {
        try? make()
    }

    /// Makes the socket, if it is not there: what was passed for it, or a new one.
    private func make() throws(SocketBinding.Failure) {
        guard socket == nil else { return }
        let opened = try supply.open(endpoint, lastAt: lastAddress)
        socket = opened.socket.take()
        keeping = opened.keeping
        wasLent = keeping != .nobody
    }

    private func bind() throws(SocketBinding.Failure) {
        try make()
        isOpen = true
        lastAddress = boundAddressNow
        settled()
        updatePolling()
        owner?.listenerChanged(self, .bound(address))
    }

    // MARK: Carried over

    /// Nil while it is not bound.
    var boundAddress: SocketAddress? { socket == nil ? nil : address }

    var saved: SavedListener {
        SavedListener(
            descriptor: descriptor.map { SavedDescriptor($0) }, lastAddress: lastAddress,
            failures: retry?.failures ?? 0, keeping: keeping, wasLent: wasLent)
    }

    /// Goes on with the socket that the program before has bound, or with trying.
    func resume(_ saved: SavedListener) {
        lastAddress = saved.lastAddress
        guard let descriptor = saved.descriptor else {
            // Tried at once; the backoff goes on as it was.
            let timer = loop.schedule(at: loop.now) { [weak self] in self?.open() }
            retry = BindRetry(failures: saved.failures, error: "not tried yet", at: loop.now, timer: timer)
            return
        }
        socket = descriptor.adopt()
        isOpen = true
        keeping = saved.keeping
        wasLent = saved.wasLent
        supply.goesOnKeeping(keeping)
        updatePolling()
    }

    /// An address has appeared, ours or another. What fails now is no news: the backoff goes on as it was.
    func addressAppeared() {
        guard socket == nil, retry != nil else { return }
        try? bind()
    }

    /// Nothing is to be tried again.
    private func settled() {
        if let retry { loop.cancel(retry.timer) }
        retry = nil
        addresses.remove(self)
    }

    /// Closes the socket and, unless it is to stay, removes its file.
    func close() {
        settled()
        unwatch()
        isOpen = false
        if let socket = socket.take() { supply.close(socket, of: endpoint, keeping) }
    }

    func hold(_ reason: Holds) {
        holds.insert(reason)
        updatePolling()
    }

    func release(_ reason: Holds) {
        holds.remove(reason)
        updatePolling()
    }

    /// The socket for a `wait` handler, in blocking mode; nil while it is not bound, or no descriptor is left.
    func lend() -> DescriptorBox? {
        guard let descriptor, let copy = try? descriptor.duplicate() else { return nil }
        wasLent = true
        try? Socket.setNonblocking(descriptor, false)
        return DescriptorBox(copy)
    }

    /// A handler may have shut the socket down: a stream listener that no longer listens is bound anew.
    func reopenIfShutDown() {
        guard !endpoint.kind.isDatagram, let descriptor,
            (try? Socket.value(.acceptsConnections, of: descriptor)) != 1
        else { return }
        owner?.listenerChanged(self, .shutDown)
        close()
        open()
    }

    /// Goes on as `new`, the same socket, for `owner`. What holds it back is the new owner's to say, unless a former
    /// handler has it.
    ///
    /// - Returns: What cannot be changed while it is bound, in words.
    func goOn(as new: Endpoint, accepts: Bool, owner: any ListenerOwner) -> [String] {
        let old = endpoint
        (endpoint, self.owner) = (new, owner)
        self.accepts = accepts
        release([.noRoom, .closed, .name, .person])
        guard let descriptor else { return [] }
        return supply.change(descriptor, from: old, to: new, at: address).map { "\(address): \($0)" }
    }

    /// A handler of before a reload has ended.
    func comeBack() {
        reopenIfShutDown()
        release(.former)
    }

    private func updatePolling() {
        guard isOpen, let descriptor else { return }
        if holds.isEmpty, registration == nil {
            do {
                registration = try loop.watch(descriptor, for: .readable, self, first: accepts)
            } catch {
                // No kernel memory for the registration: as with any shortage, later.
                reportShortage(error)
            }
        } else if !holds.isEmpty {
            unwatch()
        }
    }

    private func reportShortage(_ error: Errno) {
        if shortage.report(for: self) { owner?.listenerChanged(self, .short(error)) }
    }

    private func unwatch() {
        if let registration { loop.forget(registration) }
        registration = nil
    }

    func ready(_ interest: Epoll.Interest) {
        guard accepts else {
            if interest.contains(.hangUp) { reopenIfShutDown() }
            owner?.readable(self)
            return
        }
        guard let owner else { return }
        for _ in 0..<Self.acceptBudget {
            guard holds.isEmpty, let descriptor else { return }
            guard owner.room > 0 else { return owner.lacksRoom(self) }
            do {
                owner.accepted(try accept(from: descriptor), on: self)
            } catch {
                guard passedOver(error) else { return }
            }
            if loop.silent?.wasAwaited == true { return }
        }
    }

    private func accept(from descriptor: FileDescriptor) throws(Errno) -> AcceptedSocket {
        if wasLent {
            guard try Poll.wait(for: descriptor, .readable, within: .zero) else { throw .wouldBlock }
            try Socket.setNonblocking(descriptor, true)
        }
        return try SocketBinding.accept(descriptor, priority: priority)
    }

    /// Takes who waits in the backlog, as far as there is room, before it is closed.
    ///
    /// - Returns: Whether nobody is left there who could be served. Datagrams are not waited for, and who waits where
    ///   a handler has the socket is the handler's.
    func acceptLast() -> Bool {
        guard let descriptor, !endpoint.kind.isDatagram, !holds.contains(.handler) else { return true }
        for _ in 0..<Self.mostLast {
            guard accepts, holds.isEmpty, let owner, owner.room > 0 else { return !hasGuests }
            do {
                owner.accepted(try accept(from: descriptor), on: self)
            } catch .wouldBlock {
                return true
            } catch {
                guard passedOver(error) else { return !hasGuests }
            }
        }
        return !hasGuests
    }

    private var hasGuests: Bool {
        guard let descriptor else { return false }
        return (try? Poll.wait(for: descriptor, .readable, within: .zero)) == true
    }

    /// Whether accept may go on after `error`.
    private func passedOver(_ error: Errno) -> Bool {
        switch error {
        case .wouldBlock:
            return false
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noBufferSpace, .noMemory:
            reportShortage(error)
            return false
        case .invalidArgument, .notSocket, .notSupportedOnSocket:
            reopenIfShutDown()
            return false
        default:
            // ECONNABORTED, EPERM (a firewall's word) and pending network errors (accept(2)) are that
            // connection's own; the next one is another matter.
            owner?.listenerChanged(self, .connectionFailed(error))
            return true
        }
    }
}

extension Listener {
    /// As `baton status` shows it.
    var status: ListenerStatus {
        var status = ListenerStatus(
            name: endpoint.name, address: address.description, transport: endpoint.kind.rawValue, state: state)
        if let retry {
            status.error = retry.error
            status.retry = max(.zero, retry.at - loop.now)
        } else if holds.contains(.shortage) {
            status.error = "no descriptors or memory left"
        }
        return status
    }

    private var state: ListenerStatus.State {
        if socket == nil { return .retrying }
        if !holds.isDisjoint(with: [.handler, .former]) { return .waiting }
        return holds.isEmpty ? .listening : .paused
    }
}
