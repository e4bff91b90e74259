import Glibc

/// A blocking socket of a test, each of whose calls has a time limit. Closed with the value.
package final class TestSocket {
    package let descriptor: Int32
    private var isOpen = true

    /// Takes the descriptor over.
    package init(adopting descriptor: Int32) {
        self.descriptor = descriptor
    }

    package init(family: Int32, type: Int32, timeout seconds: Int = 20) throws {
        descriptor = try check("socket") { socket(family, type | Int32(SOCK_CLOEXEC.rawValue), 0) }
        try setTimeout(seconds: seconds)
    }

    deinit { close() }

    package func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(descriptor)
    }

    package func setTimeout(seconds: Int) throws {
        try setOption(SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: seconds, tv_usec: 0))
        try setOption(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: seconds, tv_usec: 0))
    }

    package func setOption<Value>(_ level: Int32, _ name: Int32, _ value: Value) throws {
        try withUnsafeBytes(of: value) { bytes in
            _ = try check("setsockopt") {
                setsockopt(descriptor, level, name, bytes.baseAddress, socklen_t(bytes.count))
            }
        }
    }

    /// The close that follows sends a reset.
    package func reset() throws {
        try setOption(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
        close()
    }

    package func bind(to name: SocketName) throws {
        try check("bind") { name.withPointer { Glibc.bind(descriptor, $0, $1) } }
    }

    package func listen(backlog: Int32 = 16) throws {
        try check("listen") { Glibc.listen(descriptor, backlog) }
    }

    package func connect(to name: SocketName) throws {
        try check("connect") { name.withPointer { Glibc.connect(descriptor, $0, $1) } }
    }

    package func accept() throws -> TestSocket {
        guard waitFor(POLLIN, on: descriptor, until: Deadline()) else { throw TestFailure("nobody connected") }
        let accepted = try TestProcess.withoutSpawning {
            let socket = TestSocket(adopting: try check("accept") { Glibc.accept(descriptor, nil, nil) })
            try check("fcntl") { fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC) }
            return socket
        }
        try accepted.setTimeout(seconds: 20)
        return accepted
    }

    /// Sends all of it; on a datagram or seqpacket socket as one message.
    package func send(_ bytes: [UInt8]) throws {
        var sent = 0
        repeat {
            sent += try bytes[sent...].withUnsafeBytes { rest in
                try check("send") { Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL)) }
            }
        } while sent < bytes.count
    }

    package func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    /// One recv(2): empty at the end of the stream.
    package func receive(atMost count: Int = 65536) throws -> [UInt8] {
        var failure: TestFailure?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do {
                filled = try check("recv") { recv(descriptor, buffer.baseAddress, count, 0) }
            } catch {
                failure = error as? TestFailure
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Exactly so many bytes of a stream.
    package func receive(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try receive(atMost: count - bytes.count)
            guard !more.isEmpty else {
                throw TestFailure(
                    "the stream ended after \(bytes.count) of \(count) bytes: \(String(decoding: bytes, as: UTF8.self))"
                )
            }
            bytes += more
        }
        return bytes
    }

    /// A stream to its end.
    package func receiveToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let more = try receive()
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    package func receiveText() throws -> String {
        String(decoding: try receiveToEnd(), as: UTF8.self)
    }

    /// A line of a stream, without its newline; nothing behind it is taken.
    package func receiveLine() throws -> String {
        var bytes: [UInt8] = []
        while let byte = try receive(atMost: 1).first {
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        throw TestFailure("the stream ended within a line: \(String(decoding: bytes, as: UTF8.self))")
    }

    /// Ends both directions, whoever else holds the socket.
    package func shutDown() throws {
        try check("shutdown") { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    package func finishSending() throws {
        try check("shutdown") { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// Whether something, or the end, can be read within the time.
    package func isReadable(within seconds: Double) -> Bool {
        waitFor(POLLIN, on: descriptor, until: Deadline(seconds: seconds))
    }

    /// Whether something can be read here before anything can there, or the time is over.
    package func isReadable(before other: TestSocket) -> Bool {
        var entries = [descriptor, other.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let deadline = Deadline()
        while poll(&entries, 2, deadline.milliseconds) <= 0, !deadline.isOver {}
        return entries[0].revents != 0
    }

    package var localPort: UInt16 {
        get throws { try SocketName.localPort(of: descriptor) }
    }
}

/// Connecting, in a word each.
extension TestSocket {
    package static let stream = Int32(SOCK_STREAM.rawValue)
    package static let datagram = Int32(SOCK_DGRAM.rawValue)
    package static let packets = Int32(SOCK_SEQPACKET.rawValue)

    package convenience init(connectedTo name: SocketName, type: Int32 = TestSocket.stream) throws {
        try self.init(family: name.family, type: type)
        try connect(to: name)
    }

    package static func tcp(port: UInt16, host: String = "127.0.0.1") throws -> TestSocket {
        try TestSocket(connectedTo: SocketName(host: host, port: port))
    }

    package static func udp(port: UInt16, host: String = "127.0.0.1") throws -> TestSocket {
        try TestSocket(connectedTo: SocketName(host: host, port: port), type: datagram)
    }

    package static func unix(_ path: String, type: Int32 = TestSocket.stream) throws -> TestSocket {
        try TestSocket(connectedTo: SocketName(unix: path), type: type)
    }

    /// A bound socket at a free port of the loopback address.
    package static func bound(type: Int32 = TestSocket.stream, host: String = "127.0.0.1", port: UInt16 = 0) throws
        -> TestSocket
    {
        let name = try SocketName(host: host, port: port)
        let socket = try TestSocket(family: name.family, type: type)
        try socket.bind(to: name)
        return socket
    }
}
