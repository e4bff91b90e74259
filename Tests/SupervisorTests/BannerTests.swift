import LinuxSystem
import SystemPackage
import Testing

@testable import Supervisor

/// `banner`: said in one send where there is room, else waited for, in bounds.
@Suite struct BannerTests {
    private let bench: InternalBench
    private let text = (0..<16_384).map { UInt8($0 % 251) }

    init() throws { bench = try InternalBench(.discard) }

    private func origin() -> ConnectionOrigin {
        ConnectionOrigin(
            number: bench.runtime.nextConnectionNumber(), peer: .unix(path: ""), kind: .unix, listener: "inside",
            accepted: bench.runtime.loop.now)
    }

    private func banner(
        _ text: [UInt8], timeout: Duration = .seconds(20), changed: @escaping () -> Void = {}
    ) throws -> Banner {
        try #require(Banner(text, record: bench.record, runtime: bench.runtime, timeout: timeout, changed: changed))
    }

    /// A pair whose sending end has no room for the text.
    private func narrowPair() throws -> SocketPair {
        let pair = try Socket.pair(.stream)
        try Socket.set(.sendBuffer, 4096, on: pair.theirs.borrowed)
        return pair
    }

    @Test("an empty one is none")
    func empty() {
        #expect(Banner([], record: bench.record, runtime: bench.runtime) == nil)
    }

    @Test("what fits is said before the connection goes on, at once", arguments: [InternalBench.Transport.tcp, .unix])
    func fits(transport: InternalBench.Transport) throws {
        let ends = try transport.pair()
        let banner = try banner(text)
        var went = false
        banner.send(on: DescriptorBox(ends.theirs), origin()) { waited in
            #expect(!waited)
            went = true
        }
        #expect(went && banner.count == 0)
        let client = try BenchClient(ends.ours, loop: bench.runtime.loop)
        try bench.run { client.received.count == text.count }
        #expect(client.received == text)
        client.close()
    }

    @Test("a client that makes room in time gets all of it, then the connection goes on")
    func waits() throws {
        let pair = try narrowPair()
        let banner = try banner(text)
        let connection = DescriptorBox(pair.theirs)
        var went = false
        banner.send(on: connection, origin()) { waited in
            #expect(waited)
            went = true
        }
        #expect(!went && banner.count == 1)
        #expect(bench.record.connections.queued == 1)
        let client = try BenchClient(pair.ours, loop: bench.runtime.loop)
        try bench.run { went }
        #expect(banner.count == 0 && bench.record.connections.queued == 0)
        try bench.run { client.received.count == text.count }
        #expect(client.received == text)
        client.close()
    }

    @Test("a client that reads nothing is given up in time, and is closed on")
    func late() throws {
        let pair = try narrowPair()
        let banner = try banner(text, timeout: .milliseconds(20))
        let client = DescriptorBox(pair.ours)
        let connection = DescriptorBox(pair.theirs)
        banner.send(on: connection, origin()) { _ in Issue.record("it went on") }
        try bench.run { banner.count == 0 }
        #expect(bench.record.connections.queued == 0 && bench.record.connections.ended == 1)
        #expect(connection.borrowed == nil && client.borrowed != nil)
    }

    @Test("regression: that its client counts no longer is told, whatever has become of it", arguments: [true, false])
    func toldThatItIsOver(reads: Bool) throws {
        let pair = try narrowPair()
        var told = 0
        let banner = try banner(text, timeout: reads ? .seconds(20) : .milliseconds(20)) { told += 1 }
        let connection = DescriptorBox(pair.theirs)
        banner.send(on: connection, origin()) { _ in #expect(told == 0) }
        #expect(told == 0)
        let ours = DescriptorBox(pair.ours)
        var client: BenchClient?
        if reads, let end = ours.take() { client = try BenchClient(end, loop: bench.runtime.loop) }
        try bench.run { banner.count == 0 }
        #expect(told == 1)
        client?.close()
    }

    @Test("a client that is gone is the business of what serves the connection")
    func gone() throws {
        let pair = try Socket.pair(.stream)
        _ = DescriptorBox(pair.ours).take()
        var went = 0
        try banner(text).send(on: DescriptorBox(pair.theirs), origin()) { _ in went += 1 }
        #expect(went == 1)
    }

    @Test("when the supervisor stops nobody is waited for")
    func stop() throws {
        let pair = try narrowPair()
        let banner = try banner(text)
        let client = DescriptorBox(pair.ours)
        let connection = DescriptorBox(pair.theirs)
        banner.send(on: connection, origin()) { _ in Issue.record("it went on") }
        banner.end()
        #expect(banner.count == 0 && connection.borrowed == nil && bench.record.connections.queued == 0)
        #expect(client.borrowed != nil)
    }
}
