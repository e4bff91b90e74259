internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// One run of the handler, with the supervisor's end of its channel and the clients' ends of its connections. Every
/// wait is for a descriptor, and ends with the subject's patience.
final class Trial {
    let subject: Subject
    let process: HandlerProcess
    /// How /proc names the handler's end of the channel; nil when Baton did not make it.
    private(set) var channelTarget: String?
    var record = HandlerRecord()
    private(set) var clients: [TrialClient] = []
    /// The handler has closed the channel.
    private(set) var hasHungUp = false
    /// The supervisor's end; nil once it is closed.
    private var channel: OwnedDescriptor?
    var supervisorsEnd: FileDescriptor? { channel?.borrowed }
    /// The handler's end, where a check has to look at it.
    private var keptEnd: OwnedDescriptor?
    var handlersEnd: FileDescriptor? { keptEnd?.borrowed }
    /// False leaves on the channel what the handler sends.
    private var readsChannel = true
    /// Of those that check nothing but that the handler is there.
    var lastPing: UInt64 = 1 << 40

    private var epoll: Epoll
    private var buffer = [UInt8](repeating: 0, count: ProtocolLimits.message + 1)

    private enum Token {
        static let process: UInt64 = 0
        static let channel: UInt64 = 1
        static let output: UInt64 = 2
        static let listener: UInt64 = 3
        /// The first client's.
        static let clients: UInt64 = 16
    }

    /// Room for more descriptors than may come.
    private static let descriptorRoom = 4

    /// Starts it as Baton does, with one end of a socket pair.
    ///
    /// - Parameter smallChannel: The handler's sends have as little room as the kernel allows.
    convenience init(_ subject: Subject, smallChannel: Bool = false) throws(Finding) {
        let pair = try own("socketpair") { () throws(Errno) in try Socket.pair(.sequencedPacket) }
        let ours = pair.ours
        let theirs = pair.theirs
        let process = try HandlerProcess(
            subject, channel: theirs.borrowed,
            environment: ["BATON_CHANNEL=\(HandlerProcess.channelNumber)", "BATON_PROTOCOL=1"])
        try self.init(subject, process)
        channelTarget = theirs.target
        if smallChannel {
            try own("setsockopt") { () throws(Errno) in try Socket.set(.sendBuffer, 1, on: theirs.borrowed) }
            keptEnd = consume theirs
        }
        try adopt(ours)
    }

    /// Starts it as anybody does, with a runtime directory to register in; returns when it has connected.
    convenience init(registering subject: Subject) throws(Finding) {
        let directory = try own("mkdtemp") { () throws(Errno) in try ScratchDirectory(prefix: "baton-handler-test-") }
        let address = SocketAddress.unix(path: directory.path + "/register.sock")
        let listener = try own("bind") { () throws(Errno) in
            let listener = try Socket.make(family: address.family, .sequencedPacket)
            try Socket.bind(listener.borrowed, to: address)
            try Socket.listen(listener.borrowed, backlog: 1)
            return listener
        }
        let process = try HandlerProcess(
            subject, channel: nil, environment: ["BATON_RUNTIME_DIRECTORY=\(directory.path)"])
        try self.init(subject, process)
        try adopt(try accept(listener.borrowed))
    }

    private init(_ subject: Subject, _ process: HandlerProcess) throws(Finding) {
        self.subject = subject
        self.process = process
        epoll = try own("epoll") { () throws(Errno) in try Epoll(batch: 128) }
        try watch(process.ended, Token.process)
        try watch(process.outputs, Token.output)
    }

    private func accept(_ listener: FileDescriptor) throws(Finding) -> OwnedDescriptor {
        try watch(listener, Token.listener)
        let deadline = Clock.now() + subject.patience
        while try !events(within: deadline - Clock.now()).contains(Token.listener) {
            if let end = process.end { throw .inapplicable("without BATON_CHANNEL it ends, with \(end)") }
            guard Clock.now() < deadline else {
                throw .inapplicable("without BATON_CHANNEL it connects to no register.sock")
            }
        }
        unwatch(listener)
        let accepted = try own("accept") { () throws(Errno) in try Socket.accept(listener) }
        return accepted.descriptor
    }

    private func adopt(_ descriptor: consuming OwnedDescriptor) throws(Finding) {
        try watch(descriptor.borrowed, Token.channel)
        channel = consume descriptor
    }

    private func watch(_ descriptor: FileDescriptor, _ token: UInt64) throws(Finding) {
        try own("epoll_ctl") { () throws(Errno) in try epoll.add(descriptor, .readable, token: token) }
    }

    private func unwatch(_ descriptor: FileDescriptor) {
        try? epoll.remove(descriptor)
    }

    /// A client of the handler's, watched from now on.
    func add(_ client: TrialClient) throws(Finding) {
        if let socket = client.readable { try watch(socket, Token.clients + UInt64(clients.count)) }
        clients.append(client)
    }

    /// The supervisor goes.
    func closeChannel() {
        // A process that another check is about to start has a copy until its exec.
        if let socket = channel?.borrowed { Socket.shutdown(socket) }
        channel = nil
    }

    /// The supervisor says no more, and still reads.
    func endChannel() {
        if let socket = channel?.borrowed { Socket.shutdown(socket, reading: false) }
    }

    /// Ends it, and leaves nothing behind.
    func finish() {
        channel = nil
        keptEnd = nil
        clients.forEach { $0.close() }
        process.kill()
    }
}

// MARK: - What happens

extension Trial {
    /// Waits for something to happen, and takes it in.
    func pump(within time: Duration) throws(Finding) {
        let tokens = try events(within: time)
        for token in tokens where token >= Token.clients { try read(clients[Int(token - Token.clients)]) }
        if tokens.contains(Token.channel) { try readChannel() }
        guard tokens.contains(Token.process) else { return }
        // What was said before the end counts.
        try readChannel()
        for client in clients { try read(client) }
    }

    /// The tokens of what is ready; the process and its output are seen to.
    private func events(within time: Duration) throws(Finding) -> [UInt64] {
        let count = try own("epoll_wait") { () throws(Errno) in try epoll.wait(timeout: max(.zero, time)) }
        let tokens = (0..<count).map { epoll.event($0).token }
        if tokens.contains(Token.output), !process.readOutput() { unwatch(process.outputs) }
        if tokens.contains(Token.process) {
            process.look()
            unwatch(process.ended)
        }
        return tokens
    }

    private func read(_ client: TrialClient) throws(Finding) {
        guard let socket = client.readable else { return }
        try client.read()
        if client.sawEnd { unwatch(socket) }
    }

    private func readChannel() throws(Finding) {
        while readsChannel, !hasHungUp, let socket = channel?.borrowed {
            let received: DescriptorPassing.Received
            do throws(Errno) {
                received = try DescriptorPassing.receive(into: &buffer, room: Self.descriptorRoom, on: socket)
            } catch {
                switch error {
                case .wouldBlock: return
                // The handler closed with something unread. This is said once.
                case .connectionReset: continue
                default: throw .fault("the channel broke: \(error)")
                }
            }
            guard received.count > 0 else {
                hasHungUp = true
                return unwatch(socket)
            }
            let packet = Array(buffer.prefix(received.count))
            try record.take(packet.span, received.descriptors)
            for client in clients where client.id <= record.acknowledged && !client.keepsCopy { client.releaseCopy() }
        }
    }

    /// While the channel is not read, its events would come again and again.
    func stopReading() {
        readsChannel = false
        if let socket = channel?.borrowed { unwatch(socket) }
    }

    func readAgain() throws(Finding) {
        readsChannel = true
        if let socket = channel?.borrowed { try watch(socket, Token.channel) }
    }
}
