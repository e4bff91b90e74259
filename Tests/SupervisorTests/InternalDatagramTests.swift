import LinuxSystem
import Testing

@testable import ServiceTable
@testable import Supervisor

/// A datagram listener of a bench.
private final class DatagramOwner: ListenerOwner {
    let bench: InternalBench
    fileprivate private(set) var listener: Listener?

    init(_ bench: InternalBench, _ kind: Endpoint.Kind, _ address: SocketAddress) {
        self.bench = bench
        var endpoint = Endpoint()
        endpoint.kind = kind
        endpoint.address = address
        let made = Listener(
            endpoint, accepts: false, loop: bench.runtime.loop, shortage: bench.runtime.shortage,
            addresses: bench.runtime.addresses, owner: self)
        listener = made
        made.open()
    }

    var address: SocketAddress { listener?.address ?? .unix(path: "") }
    var room: Int { 1 }
    func lacksRoom(_ listener: Listener) {}
    func accepted(_ connection: consuming AcceptedSocket, on listener: Listener) {}
    func readable(_ listener: Listener) { bench.datagrams?.serve(listener) }
    func listenerChanged(_ listener: Listener, _ change: Listener.Change) {}
    func close() { listener?.close() }
}

@Suite struct InternalDatagramTests {
    private func client(_ address: SocketAddress) throws -> OwnedDescriptor {
        let socket = try Socket.make(family: address.family, .datagram, nonblocking: true)
        try Socket.bind(socket.borrowed, to: address)
        return socket
    }

    /// Sends `question` and waits for the answer.
    private func ask(
        _ service: InternalService, _ question: [UInt8], _ kind: Endpoint.Kind = .udp,
        at address: SocketAddress = .ipv4(.loopback, port: 0), from source: SocketAddress = .ipv4(.loopback, port: 0)
    ) throws -> [UInt8] {
        let bench = try InternalBench(service)
        let owner = DatagramOwner(bench, kind, address)
        defer { owner.close() }
        let client = try client(source)
        try Datagrams.send(question, to: owner.address, on: client.borrowed)
        var answer: [UInt8]?
        let number = client.rawValue
        try bench.run {
            answer = answer ?? (try? Datagrams.receive(from: .init(rawValue: number), most: 65_535).bytes)
            return answer != nil
        }
        return answer ?? []
    }

    @Test("each answers with one datagram, also an empty question")
    func answers() throws {
        #expect(try ask(.echo, Array("hello".utf8)) == Array("hello".utf8))
        #expect(try ask(.echo, []).isEmpty)
        let long = [UInt8](repeating: 9, count: 65_507)
        #expect(try ask(.echo, long) == long)
        #expect(try String(decoding: ask(.daytime, []), as: UTF8.self).hasSuffix(" UTC\r\n"))
        #expect(try ask(.time, []).count == 4)
        #expect(try ask(.qotd, []).count > 10)
    }

    @Test("chargen answers with no more than it was asked with, and 512 characters at most")
    func chargen() throws {
        #expect(try ask(.chargen, []).isEmpty)
        #expect(try ask(.chargen, [1, 2, 3]) == InternalContent.characters(3, fromLine: 0))
        #expect(try ask(.chargen, [UInt8](repeating: 0, count: 9000)).count == 512)
    }

    @Test("over Unix-domain datagrams a client with a name is answered")
    func unix() throws {
        let name = "baton-test-\(CurrentProcess.pid)-\(UInt64.random(in: 0...UInt64.max))"
        let answer = try ask(
            .echo, [1, 2, 3], .unixDatagram, at: .abstract(name: name), from: .abstract(name: name + "-client"))
        #expect(answer == [1, 2, 3])
    }

    @Test("a datagram from a port of an internal service is dropped, counted, and not answered")
    func loop() throws {
        let bench = try InternalBench(.echo)
        let owner = DatagramOwner(bench, .udp, .ipv4(.loopback, port: 0))
        defer { owner.close() }
        let client = try client(.ipv4(.loopback, port: 0))
        bench.runtime.internalPorts.add(try Socket.localAddress(of: client.borrowed))
        try Datagrams.send([1], to: owner.address, on: client.borrowed)
        try bench.run { bench.record.connections.dropped[.loop] == 1 }
        #expect(throws: (any Error).self) { try Datagrams.receive(from: client.borrowed, most: 1) }
    }

    @Test("a flood from one address gets its burst; the rest is dropped and counted")
    func rate() throws {
        let bench = try InternalBench(.daytime)
        let owner = DatagramOwner(bench, .udp, .ipv4(.loopback, port: 0))
        defer { owner.close() }
        let client = try client(.ipv4(.loopback, port: 0))
        for _ in 0..<100 { try Datagrams.send([], to: owner.address, on: client.borrowed) }
        try bench.run { bench.record.connections.dropped[.rate] >= 70 }
        var answers = 0
        while (try? Datagrams.receive(from: client.borrowed, most: 100)) != nil { answers += 1 }
        #expect((20...30).contains(answers))
    }

    @Test("discard takes everything and answers nothing")
    func discard() throws {
        let bench = try InternalBench(.discard)
        let owner = DatagramOwner(bench, .udp, .ipv4(.loopback, port: 0))
        defer { owner.close() }
        let client = try client(.ipv4(.loopback, port: 0))
        for _ in 0..<100 { try Datagrams.send([1], to: owner.address, on: client.borrowed) }
        try bench.run { owner.isDrained }
        #expect(throws: (any Error).self) { try Datagrams.receive(from: client.borrowed, most: 1) }
        #expect(bench.record.connections.dropped.total == 0)
    }
}

extension DatagramOwner {
    /// Nothing waits at its socket.
    fileprivate var isDrained: Bool {
        guard let descriptor = listener?.descriptor else { return true }
        return (try? Datagrams.receive(from: descriptor, most: 0, peeking: true)) == nil
    }
}
