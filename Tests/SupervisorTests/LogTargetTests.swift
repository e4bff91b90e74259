import Glibc
import LinuxSystem
import SystemPackage
import Testing

@testable import Supervisor

@Suite("The log's targets")
struct LogTargetTests {
    private let path = "/tmp/baton-log-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    /// A datagram socket at `path`, nobody reading it yet.
    private func bound() throws -> OwnedDescriptor {
        let address = SocketAddress.unix(path: path)
        let socket = try Socket.make(family: address.family, .datagram, nonblocking: true)
        try Socket.bind(socket.borrowed, to: address)
        return socket
    }

    private func isFailure(_ attempt: LogAttempt, _ expected: Errno) -> Bool {
        if case .failed(expected) = attempt { true } else { false }
    }

    @Test("a socket that is not there, one that nobody has bound any more, and what is no socket")
    func missing() throws {
        defer { unlink(path) }
        let target = SocketTarget(path, passesFiles: false)
        #expect(throws: Errno.noSuchFileOrDirectory) { try target.open() }
        #expect(isFailure(target.write([1], from: 0), .socketNotConnected))
        var socket: OwnedDescriptor? = try bound()
        try target.open()
        socket = nil
        _ = socket.take()
        #expect(isFailure(target.write([1], from: 0), .connectionRefused))
        #expect(throws: Errno.connectionRefused) { try target.open() }
        unlink(path)
        try #require(mkdir(path, 0o700) == 0)
        defer { rmdir(path) }
        #expect(throws: Errno.notSocket) { try target.open() }
    }

    @Test("a socket whose queue is full is busy, and writable once it has been read from")
    func full() throws {
        defer { unlink(path) }
        let socket = try bound()
        let target = SocketTarget(path, passesFiles: false)
        try target.open()
        var sent = 0
        while case .wrote = target.write([1], from: 0) { sent += 1 }
        guard case .busy = target.write([1], from: 0) else { return #expect(Bool(false), "not busy") }
        let descriptor = try #require(target.descriptor)
        #expect(!descriptor.takesOutput)
        for _ in 0..<sent { _ = try Datagrams.receive(from: socket.borrowed, most: 1) }
        #expect(descriptor.takesOutput)
    }

    @Test("what is too long for a datagram goes to the journal as a sealed file, and to syslog not at all")
    func long() throws {
        defer { unlink(path) }
        let socket = try bound()
        let record = [UInt8](repeating: 7, count: 1 << 20)
        let syslog = SocketTarget(path, passesFiles: false)
        try syslog.open()
        guard case .tooLong = syslog.write(record, from: 0) else { return #expect(Bool(false), "not too long") }
        let journal = SocketTarget(path, passesFiles: true)
        try journal.open()
        guard case .wrote(record.count) = journal.write(record, from: 0) else {
            return #expect(Bool(false), "not written")
        }
        var buffer = [UInt8](repeating: 0, count: 16)
        let received = try DescriptorPassing.receive(into: &buffer, room: 2, on: socket.borrowed)
        #expect(received.count == 0)
        #expect(received.descriptors.count == 1)
        let file = try #require(received.descriptors.first?.borrowed)
        #expect(fcntl(file.rawValue, 1034) & 0xf == 0xf)  // F_GET_SEALS: SEAL, SHRINK, GROW, WRITE
        var content = [UInt8](repeating: 0, count: record.count + 1)
        #expect(pread(file.rawValue, &content, content.count, 0) == record.count)
        #expect(content.dropLast() == record[...])
    }

    @Test("standard error is never waited for, though its mode is another's: a full pipe is busy, a closed one gone")
    func pipe() throws {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        // Not for children that other tests start meanwhile.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let output = OwnedDescriptor(adopting: ends[1])
        var input: OwnedDescriptor? = OwnedDescriptor(adopting: ends[0])
        let target = StandardErrorTarget(output.borrowed)
        let record = [UInt8](repeating: 7, count: 1000)
        while case .wrote = target.write(record, from: 0) {}
        guard case .busy = target.write(record, from: 0) else { return #expect(Bool(false), "not busy") }
        #expect(fcntl(output.rawValue, F_GETFL) & O_NONBLOCK == 0)
        SignalDescriptor.ignoreBrokenPipes()
        input = nil
        _ = input.take()
        guard case .gone = target.write(record, from: 0) else { return #expect(Bool(false), "not gone") }
    }
}
