internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The listeners, as the monitor holds them: each until its worker closes it, whatever becomes of the worker.
final class HeldListeners {
    private let store: ListenerStore
    /// By the socket's cookie.
    private var held: [UInt64: Held] = [:]
    /// Those that the worker of now has not asked for yet.
    private var waiting: [Endpoint: [UInt64]] = [:]
    /// Where endpoints were bound that leave the port to the kernel.
    private var last: [Endpoint: SocketAddress] = [:]

    private final class Held {
        let socket: DescriptorBox
        let keeping: ListenerKeeping
        var endpoint: Endpoint

        init(_ opened: OpenedListener, _ endpoint: Endpoint) {
            socket = opened.socket
            keeping = opened.keeping
            self.endpoint = endpoint
        }
    }

    init(_ store: ListenerStore) {
        self.store = store
    }

    /// The socket of `endpoint`, which stays ours as well: that of the worker before, or a new one.
    func open(_ endpoint: Endpoint) throws(SocketBinding.Failure) -> FileDescriptor {
        if let socket = goOn(endpoint) { return socket }
        let opened = try store.open(endpoint, lastAt: last[endpoint])
        guard let socket = opened.socket.borrowed, let cookie = Socket.cookie(of: socket) else {
            if let socket = opened.socket.take() { store.close(socket, of: endpoint, opened.keeping) }
            throw SocketBinding.Failure(step: "SO_COOKIE", error: .noMemory)
        }
        if endpoint.address.port == 0 { last[endpoint] = try? Socket.localAddress(of: socket) }
        held[cookie] = Held(opened, endpoint)
        return socket
    }

    /// A handler of the worker before may have changed its mode.
    private func goOn(_ endpoint: Endpoint) -> FileDescriptor? {
        guard let cookie = waiting[endpoint]?.popLast(), let socket = held[cookie]?.socket.borrowed else { return nil }
        try? Socket.setNonblocking(socket, true)
        return socket
    }

    func close(_ cookie: UInt64) {
        guard let gone = held.removeValue(forKey: cookie), let socket = gone.socket.take() else { return }
        store.close(socket, of: gone.endpoint, gone.keeping)
    }

    /// - Returns: What the kernel refused, in words; nil when there is no such listener.
    func change(_ cookie: UInt64, to new: Endpoint) -> [String]? {
        guard let held = held[cookie], let socket = held.socket.borrowed,
            let address = try? Socket.localAddress(of: socket)
        else { return nil }
        let old = held.endpoint
        held.endpoint = new
        if new.address.port == 0 { last[new] = address }
        return store.change(socket, from: old, to: new, at: address)
    }

    /// The worker is gone: the next one asks for all of them.
    func workerEnded() {
        waiting = [:]
        for (cookie, held) in held { waiting[held.endpoint, default: []].append(cookie) }
    }

    /// The worker has asked for all that it wants.
    func finishAdopting() {
        for cookie in waiting.values.joined() { close(cookie) }
        waiting = [:]
        store.finishAdopting()
    }

    /// These are no longer in any table.
    func forgetPorts(but endpoints: Set<Endpoint>) {
        last = last.filter { endpoints.contains($0.key) }
    }

    // MARK: Carried over

    var saved: [SavedHeld] {
        held.values.compactMap { held in
            held.socket.saved.map { SavedHeld(socket: $0, endpoint: held.endpoint, keeping: held.keeping) }
        }
    }

    func resume(_ saved: [SavedHeld]) throws(Errno) {
        for each in saved {
            let opened = OpenedListener(socket: each.socket.adoptBox(), keeping: each.keeping)
            guard let socket = opened.socket.borrowed, let cookie = Socket.cookie(of: socket) else { throw .noMemory }
            if each.endpoint.address.port == 0 { last[each.endpoint] = try? Socket.localAddress(of: socket) }
            held[cookie] = Held(opened, each.endpoint)
            store.goesOnKeeping(each.keeping)
        }
    }

    /// What a service manager keeps stays with it.
    func ending() { store.isEnding = true }

    func expect(_ endpoints: [Endpoint]) { store.expect(endpoints) }
}
