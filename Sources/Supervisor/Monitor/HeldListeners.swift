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
    /// How many there are, by what they are bound to.
    private var counts: [Endpoint.Place: Int] = [:]
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
    ///
    /// - Parameter most: Of those that are bound like it.
    func open(_ endpoint: Endpoint, most: Int) throws(SocketBinding.Failure) -> FileDescriptor {
        if let socket = goOn(endpoint) { return socket }
        guard counts[endpoint.place, default: 0] < most else {
            throw SocketBinding.Failure(step: "monitor", error: .tooManyOpenFiles)
        }
        let opened = try store.open(endpoint, lastAt: last[endpoint])
        guard let socket = opened.socket.borrowed, let cookie = Socket.cookie(of: socket) else {
            if let socket = opened.socket.take() { store.close(socket, of: endpoint, opened.keeping) }
            throw SocketBinding.Failure(step: "SO_COOKIE", error: .noMemory)
        }
        hold(opened, endpoint, socket, cookie)
        return socket
    }

    private func hold(_ opened: OpenedListener, _ endpoint: Endpoint, _ socket: FileDescriptor, _ cookie: UInt64) {
        if endpoint.address.port == 0 { last[endpoint] = try? Socket.localAddress(of: socket) }
        held[cookie] = Held(opened, endpoint)
        counts[endpoint.place, default: 0] += 1
    }

    /// A handler of the worker before may have changed its mode.
    private func goOn(_ endpoint: Endpoint) -> FileDescriptor? {
        guard let cookie = waiting[endpoint]?.popLast(), let socket = held[cookie]?.socket.borrowed else { return nil }
        try? Socket.setNonblocking(socket, true)
        return socket
    }

    func close(_ cookie: UInt64) { close([cookie]) }

    /// A worker may have made something else of a socket that listened.
    private func close(_ cookies: [UInt64]) {
        let gone = cookies.compactMap { held.removeValue(forKey: $0) }
        Disposal.close(gone.map(\.socket))
        for each in gone {
            counts[each.endpoint.place, default: 1] -= 1
            store.closed(each.endpoint, each.keeping)
        }
    }

    /// - Returns: What the kernel refused, in words.
    /// - Throws: EBADF when there is no such listener, EPERM when it is bound to something else.
    func change(_ cookie: UInt64, to new: Endpoint) throws(Errno) -> [String] {
        guard let held = held[cookie], let socket = held.socket.borrowed else { throw .badFileDescriptor }
        let old = held.endpoint
        guard old.place == new.place else { throw .notPermitted }
        let address = try Socket.localAddress(of: socket)
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
        close(Array(waiting.values.joined()))
        waiting = [:]
        store.finishAdopting()
    }

    /// These are no longer in any table.
    func forgetPorts(but endpoints: BoundEndpoints) {
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
            hold(opened, each.endpoint, socket, cookie)
            store.goesOnKeeping(each.keeping)
        }
    }

    /// What a service manager keeps stays with it.
    func ending() { store.isEnding = true }

    func expect(_ endpoints: [Endpoint]) { store.expect(endpoints) }
}
