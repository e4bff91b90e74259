import ControlProtocol
import HandoffProtocol
import LinuxSystem
import SystemPackage
import Testing

@testable import ServiceTable
@testable import Supervisor

/// A service in a loop of the test's own, with a roster: when the loop does not turn any more, it is as if its process were
/// killed, and another bench goes on.
final class RosterBench {
    let runtime: Runtime
    let service: ActiveService
    let memory: OwnedDescriptor
    let keeping: Keeping

    /// Who keeps descriptors, from one supervisor to the next.
    final class Keeping {
        private(set) var kept: [UInt64: [DescriptorBox]] = [:]
        var isFull = false

        var keeper: DescriptorKeeper {
            DescriptorKeeper(
                keep: { [self] descriptors, number in
                    guard !isFull else { return false }
                    kept[number] = descriptors.compactMap(Self.copy)
                    return true
                }, giveUp: { [self] in kept[$0] = nil })
        }

        private static func copy(_ descriptor: FileDescriptor) -> DescriptorBox? {
            guard let copy = try? descriptor.duplicate() else { return nil }
            return DescriptorBox(copy)
        }

        var copies: [UInt64: [DescriptorBox]] {
            kept.mapValues { $0.compactMap(\.borrowed).compactMap(Self.copy) }
        }
    }

    /// - Parameter launcher: Nil starts nothing.
    private init(_ service: Service, keeping: Keeping, launcher: SpawnPlan?, state: SavedService?) throws {
        let loop = try EventLoop()
        let instances = InstanceTable(loop: loop)
        let launchers = try LauncherPool(
            loop: loop, instances: instances,
            plan: launcher ?? SpawnPlan(path: "/", arguments: [], descriptors: []),
            settings: LauncherPool.Settings(launchers: launcher == nil ? 0 : 1))
        let log = EventLog(output: LogOutput(StandardErrorTarget(), loop: loop), level: .error, loop: loop)
        runtime = Runtime(
            loop: loop, events: log, launchers: launchers, instances: instances,
            originalOpenFiles: ResourceLimits.Pair(soft: 1024, hard: 1024))
        memory = try Roster.memory()
        runtime.roster = try Roster(writing: memory.borrowed)
        runtime.keeper = keeping.keeper
        self.keeping = keeping
        self.service = ActiveService(service, runtime: runtime, saved: state)
    }

    convenience init(_ service: Service, launcher: SpawnPlan? = nil) throws {
        try self.init(service, keeping: Keeping(), launcher: launcher, state: nil)
        runtime.services[service.name] = self.service.intake
    }

    var content: RosterContent {
        get throws { try RosterContent(of: memory.borrowed) }
    }

    /// The next supervisor, when this one was killed.
    ///
    /// - Parameter content: What it has written, unless the test says otherwise.
    func successor(
        _ definition: Service? = nil, launcher: SpawnPlan? = nil, content: RosterContent? = nil,
        isLeft: @escaping (Int32, Duration) -> Bool = { _, _ in false }
    ) throws -> RosterBench {
        runtime.launchers.stop()
        var table = ServiceTable()
        table.services = [definition ?? service.definition]
        var recovery = Recovery(
            table, try content ?? self.content, kept: keeping.copies, listeners: [:], now: Clock.now(), time: .now,
            isLeft: isLeft)
        let outcome = recovery.outcome()
        let state = try #require(outcome.services.first)
        let next = try RosterBench(table.services[0], keeping: keeping, launcher: launcher, state: state)
        for number in outcome.surplus.keys { keeping.keeper.giveUp(number) }
        (next.runtime.lastConnection, next.runtime.lastHandler) = (outcome.lastConnection, outcome.lastHandler)
        next.service.resumeListeners(state)
        try next.service.resume(state, [:])
        next.runtime.services[service.definition.name] = next.service.intake
        return next
    }

    // MARK: What happens

    var counters: ConnectionCounters { service.record.connections }
    var handlers: [Handler] { service.dispatcher.handlers }

    /// A handler that registers by itself, from this process.
    func join(_ kind: TestChannel.Kind = .packets, traits: HandlerTraits = []) throws -> TestChannel {
        let channel = try TestChannel(kind)
        let refusal = service.join(
            HandlerMessage.Registration(service: service.definition.name, traits: traits),
            PeerCredentials(pid: CurrentProcess.pid, uid: CurrentProcess.uid, gid: 0, groups: []),
            channel: try channel.theirEnd(runtime))
        #expect(refusal == nil)
        return channel
    }

    /// A client, whose connection comes by way of another service.
    ///
    /// - Returns: Its end; nil when it was refused.
    @discardableResult
    func connect() throws -> DescriptorBox? {
        let ends = try InternalBench.Transport.tcp.pair()
        let origin = ConnectionOrigin(
            number: runtime.nextConnectionNumber(), peer: .ipv4(.loopback, port: 4711), kind: .tcp,
            listener: service.definition.name, accepted: runtime.loop.now)
        var isIn = false
        service.intake.offer(DescriptorBox(ends.theirs), origin) { offer in
            guard case .admitted(let enter) = offer else { return }
            isIn = true
            enter()
        }
        return isIn ? DescriptorBox(ends.ours) : nil
    }

    /// Runs the loop until `isDone`.
    func run(until isDone: @escaping () -> Bool) throws {
        try runtime.loop.run(until: isDone)
    }
}

/// A handler's end of its channel, spoken to between the turns of the loop.
final class TestChannel {
    private let kind: Kind
    private let ours: DescriptorBox
    private var theirs: DescriptorBox
    /// Of a datagram channel.
    private var lifeline: (ours: DescriptorBox, theirs: DescriptorBox)?
    private var inbox: [[UInt8]] = []

    enum Kind {
        case packets, stream, datagram
    }

    init(_ kind: Kind) throws {
        self.kind = kind
        let pair: SocketPair =
            switch kind {
            case .packets: try Socket.pair(.sequencedPacket)
            case .stream: try Socket.pair(.stream)
            case .datagram: try Socket.pair(.datagram)
            }
        ours = DescriptorBox(pair.ours)
        theirs = DescriptorBox(pair.theirs)
        guard kind == .datagram else { return }
        let connection = try Socket.pair(.sequencedPacket)
        lifeline = (DescriptorBox(connection.ours), DescriptorBox(connection.theirs))
    }

    /// The supervisor's, once.
    func theirEnd(_ runtime: Runtime) throws -> Channel {
        guard let socket = theirs.take() else { throw Errno.badFileDescriptor }
        let channel = try Channel(
            socket, kind == .stream ? .stream : .packets, takesDescriptors: false, runtime: runtime)
        if let end = lifeline?.theirs.take() {
            channel.hang(on: try Channel(end, .packets, takesDescriptors: false, runtime: runtime))
        }
        return channel
    }

    func send(_ message: HandlerMessage) throws {
        let socket = try #require(ours.borrowed)
        _ = try DescriptorPassing.send(try MessageCoder.encode(message), on: socket)
    }

    /// The next that was sent, as far as it is there; connections are closed.
    func receive() throws -> SupervisorMessage? {
        let socket = try #require(ours.borrowed)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        do {
            let received = try DescriptorPassing.receive(into: &buffer, room: 1, on: socket)
            guard received.count > 0 else { return nil }
            return try MessageCoder.decodeSupervisorMessage(buffer.span.extracting(0..<received.count))
        } catch let error as Errno where error == .wouldBlock {
            return nil
        }
    }

    /// The numbers of the batons that lie there; what else lies there is passed over.
    func batons() throws -> [UInt64] {
        var ids: [UInt64] = []
        while let message = try receive() {
            if case .baton(let baton) = message { ids.append(baton.id) }
        }
        return ids
    }

    /// Its end of a datagram pair, and not yet the connection beside it.
    func closePair() {
        _ = ours.take()
    }

    func close() {
        _ = ours.take()
        _ = lifeline?.ours.take()
    }
}

extension Service {
    /// Served by persistent handlers. None is started, unless `program` is.
    static func handedOff(
        _ name: String = "web", program: Program? = nil, passTo: [String] = [], perSource: Int? = nil
    ) -> Service {
        var settings = Handoff()
        settings.program = program
        settings.heartbeat = nil
        settings.passTo = passTo
        var service = Service(name: name)
        service.dispatch = .handoff(Shared(settings))
        service.admission.perSource = perSource
        return service
    }
}

extension Program {
    static func at(_ path: String, _ arguments: String...) -> Program {
        var program = Program.none
        program.path = path
        program.arguments = [String(path.split(separator: "/").last ?? "")] + arguments
        return program
    }
}
