import Glibc

/// A persistent handler inside the test, message by message, so that a test decides when it reads, acknowledges,
/// answers a PING or dies.
package final class RegisteredHandler {
    package let channel: TestSocket
    /// WELCOME's heartbeat interval in milliseconds.
    package private(set) var heartbeat: UInt32 = 0

    /// Connects to `register.sock` without saying anything.
    package init(connectedTo path: String) throws {
        channel = try TestSocket.unix(path, type: TestSocket.packets)
    }

    /// Registers for a service and waits for WELCOME; a REJECT is thrown with its reason.
    package convenience init(
        _ service: String, at supervisor: RunningSupervisor, traits: UInt16 = 0, capacity: UInt32 = 0
    ) throws {
        try self.init(connectedTo: supervisor.runtimeDirectory + "/register.sock")
        try register(service, traits: traits, capacity: capacity)
        let answer = try receive().message
        guard answer.kind == .welcome else { throw TestFailure("\(answer.kind): \(answer.text)") }
        guard answer.body.count == 8, answer.body.integer(at: 0, as: UInt16.self) == 1 else {
            throw TestFailure("WELCOME: \(answer.body)")
        }
        heartbeat = answer.body.integer(at: 4, as: UInt32.self)
    }

    package func register(_ service: String, version: UInt16 = 1, traits: UInt16 = 0, capacity: UInt32 = 0) throws {
        let body = [UInt8](integer: version) + .init(integer: traits) + .init(integer: capacity) + Array(service.utf8)
        try send(HandlerMessage(.register, body: body))
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

    package func drain() throws {
        try send(HandlerMessage(.drain))
    }

    /// Dies as a killed process does: the kernel closes its channel.
    package func die() {
        channel.close()
    }

    /// The next message, PINGs included, and its descriptor.
    package func receive() throws -> (message: HandlerMessage, socket: TestSocket?) {
        let (packet, descriptor) = try channel.receivePacket()
        let socket = descriptor.map { TestSocket(adopting: $0) }
        try socket?.setTimeout(seconds: 20)
        guard !packet.isEmpty else { throw TestFailure("the channel hung up") }
        return (try HandlerMessage(packet: packet), socket)
    }

    /// The next message that is no PING; those are answered.
    package func receiveAnsweringPings() throws -> (message: HandlerMessage, socket: TestSocket?) {
        while true {
            let received = try receive()
            guard received.message.kind == .ping else { return received }
            try send(HandlerMessage(.pong, id: received.message.id))
        }
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
    /// A packet, empty at the end, and the descriptor that came with it, close-on-exec from birth.
    package func receivePacket() throws -> (bytes: [UInt8], descriptor: Int32?) {
        var bytes = [UInt8](repeating: 0, count: 65_536)
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
