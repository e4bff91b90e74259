internal import LinuxSystem
internal import SystemPackage

/// A client and its connection: one end is the client's, the other goes to the handler.
final class TrialClient {
    /// The id of the BATON that brought the connection.
    let id: UInt64
    /// How /proc names the handler's end, in whatever process it is open.
    let target: String?
    /// Every byte that came, up to `mostReceived`.
    private(set) var received: [UInt8] = []
    /// The stream has ended, by FIN or by RST.
    private(set) var sawEnd = false
    private var socket: OwnedDescriptor?
    /// The supervisor's copy of the handler's end.
    private var copy: OwnedDescriptor?
    /// The copy outlives the ACK, as where the table says `hold: done`.
    let keepsCopy: Bool

    private static let mostReceived = 1 << 20
    /// Bytes of one read.
    private static let chunk = 65_536

    enum Transport {
        case tcp, unix
    }

    init(id: UInt64, over transport: Transport, keepsCopy: Bool) throws(Finding) {
        self.id = id
        self.keepsCopy = keepsCopy
        switch transport {
        case .tcp:
            let listener = try own("socket") { () throws(Errno) in
                let listener = try Socket.make(family: SocketAddress.loopback.family, .stream)
                try Socket.bind(listener.borrowed, to: .loopback)
                try Socket.listen(listener.borrowed, backlog: 1)
                return listener
            }
            socket = try own("connect") { () throws(Errno) in
                try Socket.connected(to: try Socket.localAddress(of: listener.borrowed))
            }
            let accepted = try own("accept") { () throws(Errno) in try Socket.accept(listener.borrowed) }
            let descriptor = accepted.descriptor
            copy = consume descriptor
        case .unix:
            let pair = try own("socketpair") { () throws(Errno) in try Socket.pair(.stream) }
            let ours = pair.ours
            let theirs = pair.theirs
            socket = consume ours
            copy = consume theirs
        }
        target = copy?.target
    }

    /// The client's end, while it is open and has not ended.
    var readable: FileDescriptor? { sawEnd ? nil : socket?.borrowed }
    /// The supervisor's copy, to be passed.
    var passed: FileDescriptor? { copy?.borrowed }

    func contains(_ text: [UInt8]) -> Bool {
        guard !text.isEmpty else { return true }
        guard received.count >= text.count else { return false }
        return (0...(received.count - text.count)).contains { start in
            received[start..<(start + text.count)].elementsEqual(text)
        }
    }

    /// Takes what has come.
    func read() throws(Finding) {
        while let socket = readable {
            do throws(Errno) {
                let bytes = try Socket.receive(socket, most: Self.chunk)
                if bytes.isEmpty { sawEnd = true }
                received += bytes.prefix(max(0, Self.mostReceived - received.count))
            } catch {
                guard error != .wouldBlock else { return }
                sawEnd = true
            }
        }
    }

    /// Sends all of it at once; a handler that has closed already is not told of that here.
    func send(_ bytes: [UInt8]) throws(Finding) {
        guard let socket = socket?.borrowed, !bytes.isEmpty else { return }
        do throws(Errno) {
            let count = try DescriptorPassing.send(bytes, on: socket)
            try require(count: count, of: bytes.count)
        } catch {
            if error != .brokenPipe, error != .connectionReset {
                throw .fault("the test itself failed to send a client's request: \(error)")
            }
        }
    }

    private func require(count: Int, of whole: Int) throws(Errno) {
        if count < whole { throw .noBufferSpace }
    }

    /// The client sends no more, and reads on.
    func endRequest() {
        if let socket = socket?.borrowed { Socket.shutdown(socket, reading: false) }
    }

    /// The client goes.
    func close() {
        socket = nil
    }

    /// The supervisor lets its copy go.
    func releaseCopy() {
        copy = nil
    }
}

extension OwnedDescriptor {
    /// How /proc names what it stands for.
    var target: String? { ProcessFiles.target(of: borrowed) }
}

extension SocketAddress {
    /// A port of the kernel's choice on the loopback interface.
    static let loopback = SocketAddress.ipv4(IPv4Address(bits: 0x7f00_0001), port: 0)
}
