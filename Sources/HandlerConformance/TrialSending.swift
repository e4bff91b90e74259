internal import Glibc
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

extension Trial {
    /// Takes REGISTER and sends WELCOME.
    func welcome() throws(Finding) {
        try awaitRegistration()
        try send(.welcome(heartbeatMilliseconds: Self.heartbeatMilliseconds))
    }

    /// What WELCOME states. The checks send their PINGs when they like.
    static let heartbeatMilliseconds: UInt32 = 5000

    func send(_ message: SupervisorMessage, passing descriptors: [FileDescriptor] = []) throws(Finding) {
        try send(bytes: try encoded(message), passing: descriptors)
    }

    func encoded(_ message: SupervisorMessage) throws(Finding) -> [UInt8] {
        do throws(ProtocolError) {
            return try MessageCoder.encode(message)
        } catch {
            throw .fault("the test itself failed: \(error)")
        }
    }

    /// Sends a packet, a message or not; waits for room on the channel.
    func send(bytes: [UInt8], passing descriptors: [FileDescriptor] = []) throws(Finding) {
        let deadline = Clock.now() + subject.patience
        while try !sendNow(bytes, passing: descriptors) {
            guard Clock.now() < deadline else { throw .fault("it reads nothing from the channel any more") }
            try waitForRoom(until: deadline)
        }
    }

    /// Sends a packet if the channel has room for it.
    func sendNow(_ bytes: [UInt8], passing descriptors: [FileDescriptor] = []) throws(Finding) -> Bool {
        guard let socket = supervisorsEnd else { throw .fault("the test itself failed: the channel is closed") }
        do throws(Errno) {
            try DescriptorPassing.send(bytes, passing: descriptors, on: socket)
            return true
        } catch {
            switch error {
            case .wouldBlock: return false
            case .brokenPipe, .connectionReset:
                try pump(within: .zero)
                throw .fault("it \(whatItDid) too early: there was more to come")
            default: throw .fault("the test itself failed to send: \(error)")
            }
        }
    }

    /// The handler takes its time; what it sends meanwhile is taken in.
    private func waitForRoom(until deadline: Duration) throws(Finding) {
        guard let socket = supervisorsEnd else { return }
        try pump(within: .zero)
        _ = try own("poll") { () throws(Errno) in
            try Poll.wait(for: socket, [.readable, .writable], within: deadline - Clock.now())
        }
    }

    func ping(_ id: UInt64) throws(Finding) {
        record.sentPing(id)
        try send(.ping(id: id))
    }

    /// What a BATON says besides its connection.
    struct BatonContent {
        var listener = "test"
        var drained: [UInt8] = []
        var proxyHeader: [UInt8] = []
        var wasSentBefore = false
    }

    /// Hands a new connection over, when there is room for one; nothing is read from the channel but for that.
    func baton(
        _ content: BatonContent = BatonContent(), over transport: TrialClient.Transport = .tcp,
        keepsCopy: Bool = false
    ) throws(Finding) -> TrialClient {
        if record.room < 1 { try awaitRoom() }
        let client = try TrialClient(id: record.nextID, over: transport, keepsCopy: keepsCopy)
        try add(client)
        try send(.baton(message(content, id: client.id)), passing: client.passed.map { [$0] } ?? [])
        record.sentBaton()
        return client
    }

    func message(_ content: BatonContent = BatonContent(), id: UInt64) -> SupervisorMessage.Baton {
        SupervisorMessage.Baton(
            id: id, connection: Self.firstConnection + id, service: subject.service, listener: content.listener,
            drained: content.drained, proxyHeader: content.proxyHeader, wasSentBefore: content.wasSentBefore)
    }

    /// Connection numbers are not ids: they begin above this.
    private static let firstConnection: UInt64 = 1000

    /// The handler finds everything that `body` does at once.
    func whileStopped<Result>(_ body: () throws(Finding) -> Result) throws(Finding) -> Result {
        ChildProcess.signalGroup(process.pid, SIGSTOP)
        defer { ChildProcess.signalGroup(process.pid, SIGCONT) }
        return try body()
    }

    /// The client says what it has to say.
    func request(_ client: TrialClient) throws(Finding) {
        try client.send(subject.exchange.request)
    }
}
