internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What a supervisor that was killed has left, composed into what the next one goes on with.
///
/// Connections that it held itself ended with it. Those that processes and handlers have live on, and are all that is
/// counted. Whoever wrote the roster may have been killed at any moment, or have been anybody by then: nothing in it is
/// believed that could break a rule, and what is not believed is as if it were not there.
struct Recovery {
    let table: ServiceTable
    let roster: RosterContent
    /// By the monotonic clock, and the time of day.
    let now: Duration
    let time: Timestamp
    /// Whether `pid` is a process that the former supervisor has started: it lives, and lived already at the moment, or its
    /// end is going to be told (`InstanceTable.collectInherited`).
    let isLeft: (_ pid: Int32, _ since: Duration) -> Bool
    /// The sockets of each service, in the order of its endpoints.
    let listeners: [String: [SavedListener]]
    /// What was kept for it (`DescriptorKeeper`).
    var kept: [UInt64: [DescriptorBox]]
    private var connections: [UInt64: [RosterConnection]] = [:]
    private var numbers: Set<UInt64> = []
    private var pids: Set<Int32> = []
    private var handlerNumbers: Set<UInt64> = []

    struct Outcome {
        var services: [SavedService] = []
        /// The last numbers that were given.
        var lastConnection: UInt64 = 0
        var lastHandler: UInt64 = 0
        /// What nobody goes on with: whoever keeps it is to give it up. Whatever it is, its close may wait.
        var surplus: [UInt64: [DescriptorBox]] = [:]
    }

    /// Numbers come one by one, and are written as JSON.
    private static let highest: UInt64 = 1 << 53

    /// - Parameter kept: They are taken out of their boxes as far as they are needed.
    init(
        _ table: ServiceTable, _ roster: RosterContent, kept: [UInt64: [DescriptorBox]],
        listeners: [String: [SavedListener]], now: Duration, time: Timestamp,
        isLeft: @escaping (_ pid: Int32, _ since: Duration) -> Bool
    ) {
        self.table = table
        self.roster = roster
        self.kept = kept
        self.listeners = listeners
        self.now = now
        self.time = time
        self.isLeft = isLeft
    }

    /// To be called once.
    mutating func outcome() -> Outcome {
        connections = Dictionary(grouping: roster.connections, by: \.handler)
        let byService = Contents(roster)
        var outcome = Outcome()
        for service in table.services { outcome.services.append(state(of: service, byService[service.name])) }
        outcome.lastConnection = max(numbers.max() ?? 0, Self.believed(roster.lastConnection))
        outcome.lastHandler = max(handlerNumbers.max() ?? 0, Self.believed(roster.lastHandler))
        outcome.surplus = kept
        return outcome
    }

    private static func believed(_ number: UInt64) -> UInt64 { number <= highest ? number : 0 }

    /// The roster by services. What the table has no longer finishes without us.
    private struct Contents {
        private var handlers: [RosterName: [RosterHandler]]
        private var processes: [RosterName: [RosterProcess]]
        private var logs: [RosterName: [RosterLog]]

        init(_ roster: RosterContent) {
            handlers = Dictionary(grouping: roster.handlers, by: \.service)
            processes = Dictionary(grouping: roster.processes, by: \.service)
            logs = Dictionary(grouping: roster.logs, by: \.service)
        }

        typealias OfService = (handlers: [RosterHandler], processes: [RosterProcess], logs: [RosterLog])

        subscript(service: String) -> OfService {
            let name = RosterName(service)
            return (handlers[name] ?? [], processes[name] ?? [], logs[name] ?? [])
        }
    }

    // MARK: A service

    private mutating func state(of service: Service, _ content: Contents.OfService) -> SavedService {
        var state = SavedService()
        state.name = service.name
        state.listeners = listeners[service.name] ?? []
        guard service.enabled else { return state }
        let names = ListenerNames(service)
        state.ways.standardError = standardError(content.logs)
        recover(content.processes, of: service, names, into: &state)
        if case .handoff(let settings) = service.dispatch {
            recover(content.handlers, of: service, settings.wrappedValue, names, into: &state)
        }
        state.record.counters.accepted = state.record.counters.active + state.record.counters.queued
        return state
    }

    /// Of a service's listeners, and how a connection that came to none of them is named.
    struct ListenerNames {
        let names: [RosterName: String]
        let otherwise: String

        init(_ service: Service) {
            names = Dictionary(service.endpoints.map { (RosterName($0.name), $0.name) }) { first, _ in first }
            otherwise = service.name
        }
    }

    // MARK: Processes

    private mutating func recover(
        _ processes: [RosterProcess], of service: Service, _ names: ListenerNames, into state: inout SavedService
    ) {
        var exec = SavedExec()
        if service.wait {
            state.ways.waits = Array(
                repeating: SavedWait(), count: service.style == .systemd ? 1 : service.boundEndpoints.count)
        }
        for process in processes {
            guard process.isWait || isFree(process.origin.number), isOurs(process.pid, process.began) else { continue }
            let instance = instance(process.pid, process.began, service.process)
            if process.isWait {
                recover(instance, process.origin.listener, of: service, into: &state)
            } else {
                numbers.insert(process.origin.number)
                exec.running.append(
                    SavedExec.Process(instance: instance, origin: SavedOrigin(process.origin, names, now: now)))
            }
        }
        guard !exec.running.isEmpty else { return }
        state.ways.exec = exec
        state.record.counters.active += exec.running.count
    }

    /// One that has no listener any more runs on, and is followed.
    private func recover(
        _ instance: SavedInstance, _ listener: RosterName, of service: Service, into state: inout SavedService
    ) {
        let place = service.boundEndpoints.firstIndex { RosterName($0) == listener }
        let wait = SavedWait(instance: instance)
        if let place = service.style == .systemd ? place.map({ _ in 0 }) : place,
            state.ways.waits.indices.contains(place), state.ways.waits[place].instance == nil
        {
            state.ways.waits[place] = wait
        } else {
            state.ways.formerWaits.append(wait)
        }
    }

    /// Once: a process is one thing.
    mutating func isOurs(_ pid: Int32, _ began: Duration) -> Bool {
        guard pid > 1, began >= .zero, began <= now, !pids.contains(pid), isLeft(pid, began) else { return false }
        pids.insert(pid)
        return true
    }

    func instance(_ pid: Int32, _ began: Duration, _ settings: ProcessSettings) -> SavedInstance {
        SavedInstance(
            pid: pid, started: time - (now - began), since: began, due: settings.runtimeLimit.map { began + $0 },
            isInherited: true)
    }

    private func isFree(_ number: UInt64) -> Bool {
        number > 0 && number <= Self.highest && !numbers.contains(number)
    }

    // MARK: Handlers

    private mutating func recover(
        _ entries: [RosterHandler], of service: Service, _ settings: Handoff, _ names: ListenerNames,
        into state: inout SavedService
    ) {
        var handoff = SavedHandoff()
        for entry in entries.sorted(by: { $0.number < $1.number }) {
            guard isNew(entry), var handler = handler(entry, of: service, settings) else { continue }
            handlerNumbers.insert(entry.number)
            give(connections[entry.number] ?? [], to: &handler, entry, names)
            state.record.counters.active += handler.held.count
            state.record.counters.queued += handler.unacknowledged.count
            handoff.handlers.append(handler)
        }
        handoff.supply = SavedSupply(handoff.handlers, settings)
        state.ways.handoff = handoff
    }

    private func isNew(_ entry: RosterHandler) -> Bool {
        entry.number > 0 && entry.number <= Self.highest && !handlerNumbers.contains(entry.number)
            && entry.sent <= Self.highest && entry.acknowledged <= entry.sent
    }

    private mutating func handler(
        _ entry: RosterHandler, of service: Service, _ settings: Handoff
    ) -> SavedHandler? {
        let traits = HandlerTraits(rawValue: entry.traits)
        guard HandlerTraits.known.isSuperset(of: traits), Handler.fits(traits, settings),
            var machine = HandlerMachine.Content(inRoster: entry.life)
        else { return nil }
        // What it had is there as long as nobody has been told what became of it.
        if machine.state == .gone { machine.state = .ending }
        // One that has yet to say what it is holds nothing.
        guard machine.state != .starting || entry.sent == 0 else { return nil }
        // One that had not been welcomed yet comes again. Nobody would follow a child where none is started any more.
        guard entry.isSupervised ? settings.program != nil : machine.state != .starting else { return nil }
        let isRunning = entry.isSupervised && isOurs(entry.pid, entry.began)
        var left = RecoveredHandler(entry, machine, settings, service.process, now: now)
        left.instance = isRunning ? instance(entry.pid, entry.began, service.process) : nil
        left.channel = keptChannel(entry.number, came: !entry.isSupervised)
        return left.state
    }

    // MARK: Connections of a handler

    private mutating func give(
        _ entries: [RosterConnection], to handler: inout SavedHandler, _ handlerEntry: RosterHandler,
        _ names: ListenerNames
    ) {
        var ids: Set<UInt64> = []
        for entry in entries.sorted(by: { $0.id < $1.id }) {
            let isTaken = entry.isPassed || entry.id <= handlerEntry.acknowledged
            // Who sends no DONE has what it acknowledged for good.
            guard entry.id > 0, entry.id <= handlerEntry.sent, isFree(entry.origin.number),
                handler.ledger.sendsDone || !isTaken, ids.insert(entry.id).inserted
            else { continue }
            numbers.insert(entry.origin.number)
            let baton = SavedBaton(
                origin: SavedOrigin(entry.origin, names, now: now),
                socket: entry.origin.socket == 0 ? nil : entry.origin.socket)
            if isTaken {
                handler.ledger.taken.append((entry.id, entry.origin.number))
                handler.held.append(baton)
            } else {
                handler.ledger.waiting.append((entry.id, entry.origin.number))
                handler.unacknowledged.append(baton)
            }
            if entry.isPassed { handler.refusePass(entry.id) }
        }
        if handler.ledger.taken.isEmpty, handler.ledger.waiting.isEmpty { handler.idleSince = now }
    }
}
