import Glibc

/// A persistent handler inside the test, message by message, so that a test decides when it reads, acknowledges,
/// answers a PING or dies.
package final class RegisteredHandler {
    package let channel: TestSocket
    /// Of a datagram channel: the connection on which it was registered.
    package private(set) var lifeline: TestSocket?
    private let isStream: Bool
    /// WELCOME's heartbeat interval in milliseconds.
    package private(set) var heartbeat: UInt32 = 0

    /// The kinds of channel (handoff.md).
    package enum Transport: Sendable, CaseIterable {
        case packets, stream, datagram
    }

    /// Connects to `register.sock` without saying anything.
    package init(connectedTo path: String) throws {
        channel = try TestSocket.unix(path, type: TestSocket.packets)
        isStream = false
    }

    private init(_ channel: TestSocket, lifeline: TestSocket? = nil, isStream: Bool) {
        self.channel = channel
        self.lifeline = lifeline
        self.isStream = isStream
    }

    /// Registers for a service and waits for WELCOME; a REJECT is thrown with its reason.
    package static func register(
        _ service: String, over transport: Transport, at supervisor: RunningSupervisor, traits: UInt16 = 0,
        capacity: UInt32 = 0
    ) throws -> RegisteredHandler {
        let handler: RegisteredHandler
        switch transport {
        case .packets: return try RegisteredHandler(service, at: supervisor, traits: traits, capacity: capacity)
        case .stream:
            let channel = try TestSocket.unix(supervisor.runtimeDirectory + "/register.stream.sock")
            handler = RegisteredHandler(channel, isStream: true)
            try handler.register(service, traits: traits, capacity: capacity)
        case .datagram:
            let lifeline = try TestSocket.unix(
                supervisor.runtimeDirectory + "/register.sock", type: TestSocket.packets)
            let (ours, theirs) = try TestSocket.pair(TestSocket.datagram)
            try lifeline.send(
                Self.registration(service, traits: traits, capacity: capacity).packet, passing: theirs.descriptor)
            handler = RegisteredHandler(ours, lifeline: lifeline, isStream: false)
            // WELCOME comes there; who is not taken hears of it on the connection.
            guard ours.isReadable(before: lifeline) else {
                throw TestFailure("not registered: \(try lifeline.receivePacket().bytes)")
            }
        }
        try handler.expectWelcome()
        return handler
    }

    /// Registers for a service and waits for WELCOME; a REJECT is thrown with its reason.
    package convenience init(
        _ service: String, at supervisor: RunningSupervisor, traits: UInt16 = 0, capacity: UInt32 = 0
    ) throws {
        try self.init(connectedTo: supervisor.runtimeDirectory + "/register.sock")
        try register(service, traits: traits, capacity: capacity)
        try expectWelcome()
    }

    private func expectWelcome() throws {
        let answer = try receive().message
        guard answer.kind == .welcome else { throw TestFailure("\(answer.kind): \(answer.text)") }
        guard answer.body.count == 8, answer.body.integer(at: 0, as: UInt16.self) == 1 else {
            throw TestFailure("WELCOME: \(answer.body)")
        }
        heartbeat = answer.body.integer(at: 4, as: UInt32.self)
    }

    package func register(_ service: String, version: UInt16 = 1, traits: UInt16 = 0, capacity: UInt32 = 0) throws {
        try send(Self.registration(service, version: version, traits: traits, capacity: capacity))
    }

    package static func registration(
        _ service: String, version: UInt16 = 1, traits: UInt16 = 0, capacity: UInt32 = 0
    ) -> HandlerMessage {
        let body = [UInt8](integer: version) + .init(integer: traits) + .init(integer: capacity) + Array(service.utf8)
        return HandlerMessage(.register, body: body)
    }

    package func send(_ message: HandlerMessage) throws {
        try channel.send(message.packet)
    }

    package func acknowledge(_ id: UInt64) throws {
        try send(HandlerMessage(.ack, id: id))
    }

    package func done(_ ids: UInt64...) throws {
        try send(HandlerMessage(.done, body: ids.flatMap { [UInt8](integer: $0) }))
    }

    package func refuse(_ id: UInt64, reason: String) throws {
        try send(HandlerMessage(.nack, id: id, body: Array(reason.utf8)))
    }

    /// Gives a connection on; the caller keeps its copy.
    package func pass(_ id: UInt64, to service: String, drained: [UInt8] = [], _ socket: TestSocket) throws {
        try channel.send(HandlerMessage.pass(id, to: service, drained: drained).packet, passing: socket.descriptor)
    }

    /// The answer to a PASS: nil when it was taken, else the reason.
    package func receivePassed(_ id: UInt64) throws -> String? {
        let message = try receiveAnsweringPings().message
        guard message.kind == .passed, message.id == id else { throw TestFailure("\(message), not PASSED \(id)") }
        return message.flags == 0 ? nil : message.text
    }

    package func drain() throws {
        try send(HandlerMessage(.drain))
    }

    /// Dies as a killed process does: the kernel closes its channel.
    package func die() {
        channel.close()
        lifeline?.close()
    }

    /// The next message, PINGs included, and its descriptor.
    package func receive() throws -> (message: HandlerMessage, socket: TestSocket?) {
        let (packet, descriptor) = isStream ? try channel.receiveMessage() : try channel.receivePacket()
        let socket = descriptor.map { TestSocket(adopting: $0) }
        try socket?.setTimeout(seconds: 20)
        guard !packet.isEmpty else { throw TestFailure("the channel hung up") }
        return (try HandlerMessage(packet: packet), socket)
    }

    /// The next message that is no PING; those are answered.
    package func receiveAnsweringPings() throws -> (message: HandlerMessage, socket: TestSocket?) {
        let deadline = Deadline()
        while !deadline.isOver {
            let received = try receive()
            guard received.message.kind == .ping else { return received }
            try send(HandlerMessage(.pong, id: received.message.id))
        }
        throw TestFailure("nothing but PINGs")
    }

    package func receiveBaton() throws -> ReceivedBaton {
        let (message, socket) = try receiveAnsweringPings()
        guard message.kind == .baton, let socket else {
            throw TestFailure("\(message.kind) with \(socket == nil ? "no" : "a") descriptor, not a BATON")
        }
        return try ReceivedBaton(message, socket: socket)
    }

    /// Whether the supervisor hung up, waited for.
    package func isHungUp() throws -> Bool {
        while true {
            let (packet, _) = try channel.receivePacket()
            if packet.isEmpty { return true }
            let message = try HandlerMessage(packet: packet)
            guard message.kind == .ping || message.kind == .reject else { return false }
        }
    }
}

extension TestSocket {
    /// A message of a stream, empty at its end, and the descriptor that came with its first byte.
    package func receiveMessage() throws -> (bytes: [UInt8], descriptor: Int32?) {
        var (bytes, descriptor) = try receivePacket(atMost: 16)
        guard !bytes.isEmpty else { return ([], nil) }
        if bytes.count < 16 { bytes += try receive(exactly: 16 - bytes.count) }
        let length = Int(bytes.integer(at: 0, as: UInt32.self))
        if length > 16 { bytes += try receive(exactly: length - 16) }
        return (bytes, descriptor)
    }

    /// A packet, empty at the end, and the descriptor that came with it, close-on-exec from birth.
    package func receivePacket(atMost size: Int = 65_536) throws -> (bytes: [UInt8], descriptor: Int32?) {
        var bytes = [UInt8](repeating: 0, count: size)
        // cmsghdr (16 bytes) and one int, padded: CMSG_SPACE(sizeof(int)) on 64 bit.
        var control = [UInt8](repeating: 0, count: 24)
        var descriptor: Int32?
        let count = try bytes.withUnsafeMutableBytes { data in
            try control.withUnsafeMutableBytes { ancillary in
                var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
                return try withUnsafeMutablePointer(to: &vector) { vector in
                    var header = msghdr()
                    header.msg_iov = vector
                    header.msg_iovlen = 1
                    header.msg_control = ancillary.baseAddress
                    header.msg_controllen = ancillary.count
                    let count: Int
                    do {
                        count = try check("recvmsg") { recvmsg(self.descriptor, &header, Int32(MSG_CMSG_CLOEXEC)) }
                    } catch  where errno == ECONNRESET {
                        // Closed by the peer while what we sent lay unread there: an end like any other.
                        return 0
                    }
                    if header.msg_controllen >= 20, ancillary.load(fromByteOffset: 12, as: Int32.self) == SCM_RIGHTS {
                        descriptor = ancillary.load(fromByteOffset: 16, as: Int32.self)
                    }
                    return count
                }
            }
        }
        return (Array(bytes.prefix(count)), descriptor)
    }
}

extension TestSocket {
    /// A pair of connected sockets without names.
    package static func pair(_ type: Int32 = TestSocket.stream) throws -> (ours: TestSocket, theirs: TestSocket) {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, type | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        let pair = (ours: TestSocket(adopting: ends[0]), theirs: TestSocket(adopting: ends[1]))
        try pair.ours.setTimeout(seconds: 20)
        return pair
    }

    /// Sends bytes in one call, and copies of descriptors with the first of them.
    package func send(_ bytes: [UInt8], passing descriptors: Int32...) throws {
        var bytes = bytes
        // cmsghdr (16 bytes) and the numbers, padded to 8: CMSG_SPACE on 64 bit.
        let length = 16 + 4 * descriptors.count
        var control = [UInt8](integer: UInt64(length)) + .init(integer: Int32(SOL_SOCKET))
        control += [UInt8](integer: Int32(SCM_RIGHTS))
        for descriptor in descriptors { control += [UInt8](integer: descriptor) }
        control += [UInt8](repeating: 0, count: (8 - control.count % 8) % 8)
        let count = try bytes.withUnsafeMutableBytes { data in
            try control.withUnsafeMutableBytes { ancillary in
                var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
                return try withUnsafeMutablePointer(to: &vector) { vector in
                    var header = msghdr()
                    header.msg_iov = vector
                    header.msg_iovlen = 1
                    header.msg_control = ancillary.baseAddress
                    header.msg_controllen = ancillary.count
                    return try check("sendmsg") { sendmsg(self.descriptor, &header, Int32(MSG_NOSIGNAL)) }
                }
            }
        }
        guard count == bytes.count else { throw TestFailure("sendmsg took \(count) of \(bytes.count) bytes") }
    }
}
