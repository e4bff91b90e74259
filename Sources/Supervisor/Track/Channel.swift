internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// Who is told what comes over a channel.
protocol ChannelOwner: AnyObject {
    func received(_ message: HandlerMessage, on channel: Channel)
    func brokeProtocol(_ error: String, on channel: Channel)
    /// The other end is closed, by everybody who held it. Told once, after everything that was sent before.
    func hungUp(_ channel: Channel)
    /// What could not be sent may be tried again.
    func writable(_ channel: Channel)
}

/// Where packets are received: one for all channels, since each is decoded before the next is read.
final class PacketBuffer {
    /// One byte more than a message may have, so that a longer one shows.
    var bytes = [UInt8](repeating: 0, count: ProtocolLimits.message + 1)
}

/// Our end of a handler's Unix-domain socket: whole messages in and out, nothing decided.
///
/// No descriptor is taken from a handler: the channel is read without room for one, so that the kernel
/// drops what is sent.
final class Channel: EventSource {
    private let socket: OwnedDescriptor
    private let loop: EventLoop
    private weak var owner: (any ChannelOwner)?
    private var registration: RegistrationID?
    private let packets: PacketBuffer
    /// WELCOME, PING and DRAIN that met a full socket, in order; at most one of each.
    private var unsent: [[UInt8]] = []
    private var encoded: [UInt8] = []
    private var wantsWritable = false
    private var ended = false

    enum SendOutcome {
        case sent
        /// The socket's buffer is full: `writable` will be told.
        case full
        /// Kernel memory or descriptors in flight are short: try after a moment.
        case short
        /// Nobody holds the other end; its hang-up follows.
        case broken
    }

    /// Messages read in one round of the loop.
    private static let budget = 64
    /// Bytes: room for the batons of a whole window.
    private static let sendBuffer = 256 * 1024

    /// Takes over a nonblocking seqpacket socket. Somebody has to `adopt` it before the loop turns.
    init(_ socket: consuming OwnedDescriptor, packets: PacketBuffer, loop: EventLoop) throws(Errno) {
        self.socket = socket
        self.packets = packets
        self.loop = loop
        Self.widen(self.socket.borrowed)
        registration = try loop.watch(self.socket.borrowed, for: [.readable, .peerClosed], self)
    }

    /// Gives one end of a channel its buffer.
    static func widen(_ socket: FileDescriptor) {
        // Past net.core.wmem_max only root may go; the plain option does what it can.
        if (try? Socket.set(.sendBufferForce, sendBuffer, on: socket)) == nil {
            try? Socket.set(.sendBuffer, sendBuffer, on: socket)
        }
    }

    var descriptor: FileDescriptor { socket.borrowed }

    /// Makes `owner` the one who is told; it is not held.
    func adopt(_ owner: any ChannelOwner) {
        self.owner = owner
    }

    /// Sends a message that must not be lost while the channel lives: what does not fit now goes out first
    /// when there is room.
    func post(_ message: SupervisorMessage) {
        guard !ended, let bytes = try? MessageCoder.encode(message) else { return }
        if !unsent.isEmpty || write(bytes, passing: []) == .full { unsent.append(bytes) }
    }

    /// Sends a baton, or says why it is still the caller's.
    func send(_ baton: SupervisorMessage, passing descriptor: FileDescriptor) -> SendOutcome {
        guard !ended else { return .broken }
        guard unsent.isEmpty else { return .full }
        guard (try? MessageCoder.encode(baton, into: &encoded)) != nil else { return .broken }
        return write(encoded, passing: [descriptor])
    }

    private func write(_ bytes: [UInt8], passing descriptors: [FileDescriptor]) -> SendOutcome {
        do {
            try DescriptorPassing.send(bytes, passing: descriptors, on: socket.borrowed)
            return .sent
        } catch {
            switch error {
            case .wouldBlock:
                watchWritable(true)
                return .full
            case .noBufferSpace, .noMemory, .tooManyReferences:
                return .short
            default:
                return .broken
            }
        }
    }

    /// Lets the handler read the end of the channel after what was sent, and listens on for its hang-up only.
    func end() {
        guard !ended else { return }
        ended = true
        unsent = []
        Socket.shutdown(socket.borrowed, reading: false, writing: true)
        if let registration { loop.change(registration, to: []) }
    }

    func close() {
        ended = true
        if let registration { loop.forget(registration) }
        registration = nil
    }

    func ready(_ interest: Epoll.Interest) {
        if interest.contains(.writable) { flush() }
        if interest.contains(.hangUp) {
            read(atMost: .max)
            finish()
        } else if !interest.isDisjoint(with: [.readable, .peerClosed, .error]) {
            read(atMost: Self.budget)
        }
    }

    /// Reads everything that has come so far.
    func drain() {
        read(atMost: .max)
    }

    private func finish() {
        guard registration != nil else { return }
        close()
        owner?.hungUp(self)
    }

    private func read(atMost budget: Int) {
        var taken = 0
        while taken < budget, !ended {
            taken += 1
            do {
                guard take(try DescriptorPassing.receive(into: &packets.bytes, room: 0, on: socket.borrowed)) else {
                    return
                }
            } catch .connectionReset {
                continue  // told once, when the other end closed with something unread; what it sent is still there
            } catch {
                return
            }
        }
    }

    /// Whether reading goes on.
    private func take(_ packet: DescriptorPassing.Received) -> Bool {
        guard packet.count > 0 else {
            // The end, or a handler that sends nothing any more but still holds the channel: poll tells
            // which. A message without bytes looks the same and is as wrong.
            if !socket.borrowed.hasHungUp { refuse("an empty message, or the end of its messages before its end") }
            return false
        }
        do {
            let bytes = packets.bytes
            let message = try MessageCoder.decodeHandlerMessage(bytes.span.extracting(0..<packet.count))
            if packet.descriptorsTruncated, message.type != .pass {
                refuse("\(message.type) with a descriptor (datagram channels are not supported yet)")
                return false
            }
            owner?.received(message, on: self)
            return true
        } catch {
            refuse(error.description)
            return false
        }
    }

    private func refuse(_ error: String) {
        guard !ended else { return }
        owner?.brokeProtocol(error, on: self)
    }

    private func flush() {
        while let bytes = unsent.first {
            let outcome = write(bytes, passing: [])
            if outcome == .full || outcome == .short { return }
            unsent.removeFirst()
        }
        watchWritable(false)
        owner?.writable(self)
    }

    private func watchWritable(_ on: Bool) {
        guard wantsWritable != on, let registration else { return }
        wantsWritable = on
        loop.change(registration, to: on ? [.readable, .peerClosed, .writable] : [.readable, .peerClosed])
    }
}
