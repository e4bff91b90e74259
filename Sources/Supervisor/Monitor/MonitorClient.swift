internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The monitor, as its worker sees it: what the worker has no right to do is asked of it, and done when the call returns.
final class MonitorClient: Privileges {
    private let requests: OwnedDescriptor
    private let news: OwnedDescriptor
    private let sockets: RuntimeSockets
    private let loop: EventLoop
    private var registration: RegistrationID?
    private var buffer = [UInt8](repeating: 0, count: MonitorMessage.most)
    private var reading: Reading?
    private(set) var permits: [ProgramKey: UInt32]
    /// Of the table that was read last.
    private var nextPermits: [ProgramKey: UInt32] = [:]
    /// Told of the end of processes that a worker before has started.
    var processEnded: (_ pid: Int32, _ status: ExitStatus) -> Void = { _, _ in }

    /// sysexits.h: an internal error. Whoever starts the monitor again starts another worker.
    private static let failedStatus: Int32 = 70

    init(
        requests: consuming OwnedDescriptor, news: consuming OwnedDescriptor, sockets: RuntimeSockets,
        permits: [ProgramKey: UInt32], loop: EventLoop
    ) throws(Errno) {
        self.permits = permits
        self.requests = requests
        self.news = news
        self.sockets = sockets
        self.loop = loop
        registration = try loop.watch(self.news.borrowed, for: .readable, self)
    }

    /// What it answers, with what came along.
    private typealias Answer = (reply: MonitorReply, descriptors: [DescriptorBox])

    @discardableResult
    private func ask(_ request: MonitorRequest, passing descriptors: [FileDescriptor] = []) -> Answer {
        let message = MonitorMessage.encode(request)
        do {
            try MonitorMessage.insist { () throws(Errno) in
                try DescriptorPassing.send(message, passing: descriptors, on: requests.borrowed, blocking: true)
            }
            let received = try MonitorMessage.insist { () throws(Errno) in
                try DescriptorPassing.receive(
                    into: &buffer, room: MonitorMessage.mostDescriptors, on: requests.borrowed, blocking: true)
            }
            let message: (value: MonitorReply, version: Int)? = MonitorMessage.decode(buffer[..<received.count])
            guard let message else { alone() }
            return (message.value, received.descriptors)
        } catch {
            alone()
        }
    }

    /// Without its monitor a worker can do nothing well; its handlers see their channels end.
    private func alone() -> Never {
        fail("the monitor is gone")
    }

    /// This worker cannot go on; another may.
    func fail(_ why: String) -> Never {
        StandardError.tell("baton-worker: \(why)")
        exit(Self.failedStatus)
    }

    private func error(_ answer: Answer) -> Errno? {
        answer.reply.error == 0 ? nil : Errno(rawValue: answer.reply.error)
    }

    // MARK: The beginning and the end

    var listeners: any ListenerSupply { self }

    /// The monitor has claimed it.
    func claim(_ place: RuntimeDirectory) {}
    func openSockets() -> RuntimeSockets { sockets }

    func showControl(to group: UInt32?) throws(Errno) {
        if let error = error(ask(.showControl(to: group))) { throw error }
    }

    /// The monitor knows what is in the table.
    func expect(_ endpoints: [Endpoint]) {}
    func finishAdopting() { ask(.finishAdopting) }
    func ready() { ask(.ready) }
    func ending() { ask(.ending) }
    func ended() { ask(.ended) }

    func openLog(_ place: LogPlan.Place) throws(Errno) -> OwnedDescriptor {
        let request: MonitorRequest
        switch place {
        case .standardError: return try place.open()
        case .file(let path): request = .openLog(path, isSocket: false)
        case .socket(let path): request = .openLog(path, isSocket: true)
        }
        let answer = ask(request)
        if let error = error(answer) { throw error }
        guard let file = answer.descriptors.first?.take() else { throw .badFileDescriptor }
        return file
    }

    // MARK: Tables

    private final class Reading: TableReading {
        let done: (LoadedTable) -> Void
        private let ask: (MonitorRequest) -> Void

        init(done: @escaping (LoadedTable) -> Void, ask: @escaping (MonitorRequest) -> Void) {
            self.done = done
            self.ask = ask
        }

        func giveUp(why: String) {
            ask(.giveUpReading(why: why))
        }
    }

    func read(_ source: TableSource, done: @escaping (LoadedTable) -> Void) -> any TableReading {
        let reading = Reading(done: done) { [weak self] in self?.ask($0) }
        self.reading = reading
        ask(.read)
        return reading
    }

    func took() {
        ask(.took)
        permits = nextPermits
    }

    private func tableCame(_ file: DescriptorBox?) {
        guard let reading = reading.take() else { return }
        do {
            guard let file = file?.borrowed else {
                throw StateFile.Unreadable(why: "there was no memory or no descriptor for it")
            }
            let bytes = try file.contents(most: WorkerTable.most)
            let message: (value: WorkerTable, version: Int)? = MonitorMessage.decode(bytes[...])
            guard let message else { throw StateFile.Unreadable(why: "it is of another version") }
            nextPermits = message.value.permits
            reading.done(try LoadedTable(decoding: message.value.table))
        } catch {
            let fault = ConfigurationFault(file: "", message: "the monitor's table cannot be read: \(error)")
            reading.done(LoadedTable(table: nil, faults: [fault]))
        }
    }

    // MARK: Processes

    func signal(_ pid: Int32, _ signal: Int32) { ask(.signal(pid, signal)) }
    func signalGroup(_ pid: Int32, _ signal: Int32) { ask(.signalGroup(pid, signal)) }

    func kill(_ process: ForeignProcess, registeredAs number: UInt64) -> Bool {
        ask(.killRegistered(number))
        return true
    }

    /// Asks to be told of the end of a process that a worker before has started, and that lived at `moment`.
    ///
    /// - Returns: Whether there is one, and it is told.
    func follow(_ pid: Int32, since moment: Duration) -> Bool {
        error(ask(.follow(pid, since: moment))) == nil
    }

    // MARK: Keeping

    /// The monitor holds what goes with a handler: it outlives this process.
    var keeper: DescriptorKeeper {
        DescriptorKeeper(
            keep: { [unowned self] descriptors, number in error(ask(.keep(number), passing: descriptors)) == nil },
            giveUp: { [unowned self] number in ask(.giveUp(number)) })
    }

    /// What a worker before had kept.
    func kept() -> [UInt64: [DescriptorBox]] {
        var kept: [UInt64: [DescriptorBox]] = [:]
        while true {
            let answer = ask(.nextKept)
            if answer.descriptors.isEmpty { return kept }
            kept[answer.reply.number] = answer.descriptors
        }
    }

    // MARK: Carried over

    func save(to state: inout SupervisorState) {}

    /// For requests, and for news.
    var channels: (SavedDescriptor, SavedDescriptor) {
        (SavedDescriptor(requests.borrowed), SavedDescriptor(news.borrowed))
    }

    func resume(_ state: SupervisorState) -> String? { sockets.notifyPath }

    /// For what this program writes, which has taken over. Without it, there is the memory of the one before.
    func newRoster() -> DescriptorBox? { ask(.newRoster).descriptors.first }

    func becomeNext() -> String? {
        let answer = ask(.becomeNext)
        if let error = error(answer) { return "the monitor: \(error)" }
        return answer.reply.step.isEmpty ? nil : "the monitor: \(answer.reply.step)"
    }
}

extension MonitorClient: ListenerSupply {
    func open(_ endpoint: Endpoint, lastAt last: SocketAddress?) throws(SocketBinding.Failure) -> OpenedListener {
        let answer = ask(.open(endpoint))
        if let error = error(answer) { throw SocketBinding.Failure(step: answer.reply.step, error: error) }
        guard let socket = answer.descriptors.first else {
            throw SocketBinding.Failure(step: "monitor", error: .badFileDescriptor)
        }
        return OpenedListener(socket: socket, keeping: .nobody)
    }

    func close(_ socket: consuming OwnedDescriptor, of endpoint: Endpoint, _ keeping: ListenerKeeping) {
        guard let cookie = Socket.cookie(of: socket.borrowed) else { return }
        _ = consume socket
        ask(.close(cookie))
    }

    func change(_ socket: FileDescriptor, from old: Endpoint, to new: Endpoint, at address: SocketAddress) -> [String] {
        guard let cookie = Socket.cookie(of: socket) else { return [] }
        let answer = ask(.change(cookie, to: new))
        return error(answer).map { ["\($0); it goes on as it was bound"] } ?? answer.reply.words
    }

    func goesOnKeeping(_ keeping: ListenerKeeping) {}

    /// The sockets of all services, in the order of their endpoints. One that cannot be opened now is tried again later.
    func openAll(of table: ServiceTable) -> [String: [SavedListener]] {
        var listeners: [String: [SavedListener]] = [:]
        for service in table.services where service.enabled {
            listeners[service.name] = service.boundEndpoints.map { endpoint in
                var listener = SavedListener()
                if let socket = (try? open(endpoint, lastAt: nil))?.socket.take() {
                    listener.descriptor = SavedDescriptor(FileDescriptor(rawValue: socket.release()))
                }
                return listener
            }
        }
        return listeners
    }
}

extension MonitorClient: EventSource {
    func ready(_ interest: Epoll.Interest) {
        do {
            let received = try DescriptorPassing.receive(into: &buffer, room: 1, on: news.borrowed)
            let message: (value: MonitorNews, version: Int)? = MonitorMessage.decode(buffer[..<received.count])
            guard let message else { alone() }
            switch message.value {
            case .table: tableCame(received.descriptors.first)
            case .ended(let pid, let status): processEnded(pid, status)
            }
        } catch {
            if error != .wouldBlock, !error.isShortage { alone() }
        }
    }
}
