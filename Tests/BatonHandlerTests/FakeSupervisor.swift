import HandoffProtocol
import LinuxSystem
import Synchronization
import SystemPackage

/// The other end of a handler's channel, on a real socket pair.
final class FakeSupervisor: Sendable {
    private let channel: OwnedDescriptor
    /// For `HandlerConfiguration.channel`; the handler owns it.
    let handlersEnd: Int32
    private let sent = Mutex<UInt64>(0)

    init() throws {
        let pair = try Socket.pair(.sequencedPacket)
        channel = try pair.ours.duplicate()
        handlersEnd = try pair.theirs.duplicate().release()
    }

    /// Of a handler that has connected by itself.
    init(_ channel: consuming OwnedDescriptor) {
        self.channel = channel
        handlersEnd = -1
    }

    func send(_ message: SupervisorMessage, passing descriptors: [FileDescriptor] = []) throws {
        try send(bytes: try MessageCoder.encode(message), passing: descriptors)
    }

    func send(bytes: [UInt8], passing descriptors: [FileDescriptor] = []) throws {
        try DescriptorPassing.send(bytes, passing: descriptors, on: channel.borrowed, blocking: true)
    }

    /// The next message; nil when the handler has closed the channel.
    func receive() throws -> HandlerMessage? {
        var buffer = [UInt8](repeating: 0, count: ProtocolLimits.message)
        let received = try DescriptorPassing.receive(into: &buffer, room: 1, on: channel.borrowed, blocking: true)
        guard received.count > 0 else { return nil }
        let packet = Array(buffer.prefix(received.count))
        return try MessageCoder.decodeHandlerMessage(packet.span)
    }

    /// The next message, a PASS, and the connection that came with it.
    func receivePass() throws -> (HandlerMessage.Pass, PassedSocket) {
        var buffer = [UInt8](repeating: 0, count: ProtocolLimits.message)
        let received = try DescriptorPassing.receive(into: &buffer, room: 1, on: channel.borrowed, blocking: true)
        let packet = Array(buffer.prefix(received.count))
        guard case .pass(let pass) = try MessageCoder.decodeHandlerMessage(packet.span),
            let socket = received.descriptors.first?.take()
        else { throw Errno.invalidArgument }
        return (pass, PassedSocket(socket))
    }

    /// Takes REGISTER and welcomes the handler.
    @discardableResult
    func welcome() throws -> HandlerMessage.Registration? {
        guard case .register(let registration) = try receive() else { return nil }
        try send(.welcome(heartbeatMilliseconds: 5000))
        return registration
    }

    /// Hands over one end of a stream; answers the other. Connection numbers are 100 and the id.
    func baton(
        drained: String = "", proxyHeader: [UInt8] = [], wasSentBefore: Bool = false, copies: Int = 1
    ) throws -> Client {
        let id = sent.withLock { sent in
            sent += 1
            return sent
        }
        let pair = try Socket.pair(.stream)
        let baton = SupervisorMessage.Baton(
            id: id, connection: 100 + id, service: "echo", listener: "web", drained: Array(drained.utf8),
            proxyHeader: proxyHeader, wasSentBefore: wasSentBefore)
        try send(.baton(baton), passing: Array(repeating: pair.theirs.borrowed, count: copies))
        return Client(try pair.ours.duplicate())
    }

    /// Ends the channel, whoever else holds it.
    func hangUp() {
        Socket.shutdown(channel.borrowed)
    }
}

/// A connection that a handler has passed on.
final class PassedSocket: Sendable {
    private let socket: Mutex<OwnedDescriptor?>

    init(_ socket: consuming OwnedDescriptor) { self.socket = Mutex(consume socket) }

    func write(_ text: String) throws {
        try socket.withLock { socket in
            guard let socket = socket?.borrowed else { throw Errno.badFileDescriptor }
            try DescriptorPassing.send(Array(text.utf8), on: socket, blocking: true)
        }
    }

    func close() {
        socket.withLock { $0 = nil }
    }
}

/// The client's end of a connection.
final class Client: Sendable {
    private let socket: OwnedDescriptor

    init(_ socket: consuming OwnedDescriptor) { self.socket = socket }

    func write(_ text: String) throws {
        try DescriptorPassing.send(Array(text.utf8), on: socket.borrowed, blocking: true)
    }

    func finishWriting() {
        Socket.shutdown(socket.borrowed, reading: false)
    }

    /// What is there, waited for.
    func read() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let received = try DescriptorPassing.receive(into: &buffer, room: 0, on: socket.borrowed, blocking: true)
        return String(decoding: buffer.prefix(received.count), as: UTF8.self)
    }

    /// Everything until the end of the stream.
    func readAll() throws -> String {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let received = try DescriptorPassing.receive(into: &buffer, room: 0, on: socket.borrowed, blocking: true)
            guard received.count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += buffer.prefix(received.count)
        }
    }
}

/// Runs what blocks on a thread of its own: the pool that runs tests has few.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        do {
            try DetachedThread.start {
                continuation.resume(with: Swift.Result(catching: body))
            }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}
