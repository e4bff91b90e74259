import LinuxSystem
import ServiceTable
import SystemPackage
import Testing

@testable import Supervisor

/// A loop with one internal service and the clients of a test, all in one thread.
final class InternalBench {
    let runtime: Runtime
    let record: ServiceRecord
    private(set) var inside: InternalDispatch?
    private(set) var datagrams: InternalDatagramDispatch?
    private var changes = 0

    init(_ service: InternalService, limits: InternalLimits = .standard) throws {
        let loop = try EventLoop()
        let instances = InstanceTable(loop: loop)
        // No launcher is started: what goes to one stays in the queue.
        let launchers = try LauncherPool(
            loop: loop, instances: instances, plan: SpawnPlan(path: "/", arguments: [], descriptors: []),
            settings: LauncherPool.Settings(launchers: 0))
        let log = EventLog(output: LogOutput(StandardErrorTarget(), loop: loop), level: .error, loop: loop)
        runtime = Runtime(
            loop: loop, events: log, launchers: launchers, instances: instances,
            originalOpenFiles: ResourceLimits.Pair(soft: 1024, hard: 1024))
        record = ServiceRecord(name: "inside", events: log)
        inside = InternalDispatch(
            service, refuser: Refuser(reply: nil, record: record, runtime: runtime), record: record, runtime: runtime,
            limits: limits
        ) { [unowned self] in
            changes += 1
        }
        datagrams = InternalDatagramDispatch(service, record: record, runtime: runtime, limits: limits)
    }

    /// Gives one end of a connection to the service.
    func accept(_ socket: consuming OwnedDescriptor, _ kind: ConnectionOrigin.Kind) {
        let origin = ConnectionOrigin(
            number: runtime.nextConnectionNumber(), peer: .unix(path: ""), kind: kind, listener: "inside",
            accepted: runtime.loop.now)
        record.connections.accepted += 1
        inside?.dispatch(DescriptorBox(socket), origin)
    }

    /// Connects a client over `transport`.
    func connect(_ transport: Transport) throws -> BenchClient {
        let pair = try transport.pair()
        accept(pair.theirs, transport == .tcp ? .tcp : .unix)
        return try BenchClient(pair.ours, loop: runtime.loop)
    }

    /// Runs the loop until `isDone`.
    func run(until isDone: @escaping () -> Bool) throws {
        try runtime.loop.run(until: isDone)
    }

    enum Transport: CaseIterable {
        case tcp, unix, sequencedPacket

        func pair() throws -> Ends {
            switch self {
            case .unix: return Ends(try Socket.pair(.stream))
            case .sequencedPacket: return Ends(try Socket.pair(.sequencedPacket))
            case .tcp:
                let listener = try Socket.make(family: SocketAddress.ipv4(.any, port: 0).family, .stream)
                try Socket.bind(listener.borrowed, to: .ipv4(.loopback, port: 0))
                try Socket.listen(listener.borrowed, backlog: 1)
                let client = try Socket.connected(to: Socket.localAddress(of: listener.borrowed))
                let accepted = try Socket.accept(listener.borrowed)
                return Ends(ours: client, theirs: accepted.descriptor)
            }
        }
    }
}

/// The client's end of a connection, and the service's.
struct Ends: ~Copyable {
    let ours: OwnedDescriptor
    let theirs: OwnedDescriptor

    init(ours: consuming OwnedDescriptor, theirs: consuming OwnedDescriptor) {
        self.ours = ours
        self.theirs = theirs
    }

    init(_ pair: consuming SocketPair) {
        ours = pair.ours
        theirs = pair.theirs
    }
}

/// The other end of a connection: sends what it is to send as fast as it is taken, and collects the rest.
final class BenchClient: EventSource {
    let socket: DescriptorBox
    private let loop: EventLoop
    private var registration: RegistrationID?
    private var output: [UInt8] = []
    private var finishes = false
    private(set) var received: [UInt8] = []
    /// The service has ended its writing half.
    private(set) var sawEnd = false
    private(set) var failure: Errno?
    /// The most it collects before it stops reading.
    var appetite = Int.max

    init(_ socket: consuming OwnedDescriptor, loop: EventLoop) throws {
        self.socket = DescriptorBox(socket)
        self.loop = loop
        guard let descriptor = self.socket.borrowed else { return }
        registration = try loop.watch(descriptor, for: [.readable, .writable], self)
    }

    /// - Parameter finishing: Then ends its own writing half.
    func send(_ bytes: [UInt8], finishing: Bool = false) {
        output += bytes
        finishes = finishing
        if let registration { loop.change(registration, to: [.readable, .writable]) }
    }

    var text: String { String(decoding: received, as: UTF8.self) }
    var unsent: Int { output.count }

    func close() {
        if let registration { loop.forget(registration) }
        registration = nil
        _ = socket.take()
    }

    func ready(_ interest: Epoll.Interest) {
        guard let descriptor = socket.borrowed, let registration else { return }
        do {
            if !output.isEmpty {
                let piece = Array(output.prefix(16_384))
                output.removeFirst(try DescriptorPassing.send(piece, on: descriptor))
            }
            if output.isEmpty, finishes {
                finishes = false
                Socket.shutdown(descriptor, reading: false)
            }
        } catch .wouldBlock {
        } catch {
            fail(error)
        }
        receive(descriptor)
        guard !sawEnd, failure == nil else { return loop.forget(registration) }
        var next: Epoll.Interest = received.count < appetite ? .readable : []
        if !output.isEmpty { next.insert(.writable) }
        loop.change(registration, to: next)
    }

    private func receive(_ descriptor: FileDescriptor) {
        guard received.count < appetite else { return }
        var buffer = [UInt8](repeating: 0, count: 32_768)
        do {
            let count = try DescriptorPassing.receive(into: &buffer, room: 0, on: descriptor).count
            received += buffer[..<count]
            sawEnd = count == 0
        } catch .wouldBlock {
        } catch {
            fail(error)
        }
    }

    private func fail(_ error: Errno) {
        failure = error
    }
}
