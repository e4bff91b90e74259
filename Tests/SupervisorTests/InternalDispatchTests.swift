import Glibc
import LinuxSystem
import ServiceTable
import Testing

@testable import Supervisor

@Suite struct InternalDispatchTests {
    private let pattern = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }

    private func expectOver(_ bench: InternalBench, ended: Int = 1) {
        #expect(bench.inside?.count == 0)
        #expect(bench.record.connections.active == 0)
        #expect(bench.record.connections.ended == ended)
        #expect(bench.record.connections.isBalanced)
    }

    /// The kernel counts no bytes of it, and the last close of what it holds would be ours.
    @Test("regression: a packet that is empty but for a descriptor is not closed on the loop")
    func emptyPacketWithDescriptor() throws {
        let bench = try InternalBench(.discard)
        let ends = InternalBench.Transport.sequencedPacket
        let pair = try ends.pair()
        bench.accept(pair.theirs, .unix)
        let file = try OwnedDescriptor.placeholder()
        try DescriptorPassing.send([], passing: [file.borrowed], on: pair.ours.borrowed)
        #expect(!bench.runtime.launchers.isBusy)
        bench.inside?.endAll()
        #expect(bench.runtime.launchers.isBusy)
        expectOver(bench)
    }

    @Test(
        "echo sends back all of it, also what comes with the client's end", arguments: InternalBench.Transport.allCases)
    func echo(_ transport: InternalBench.Transport) throws {
        let bench = try InternalBench(.echo)
        let client = try bench.connect(transport)
        #expect(bench.inside?.count == 1)
        client.send(pattern, finishing: true)
        try bench.run { client.sawEnd && bench.inside?.count == 0 }
        #expect(client.received == pattern)
        #expect(client.failure == nil)
        expectOver(bench)
    }

    @Test("discard answers nothing and ends with the client", arguments: InternalBench.Transport.allCases)
    func discard(_ transport: InternalBench.Transport) throws {
        let bench = try InternalBench(.discard)
        let client = try bench.connect(transport)
        client.send(pattern, finishing: true)
        try bench.run { client.sawEnd && bench.inside?.count == 0 }
        #expect(client.received.isEmpty && client.unsent == 0)
        expectOver(bench)
    }

    @Test(
        "daytime, time and qotd say their word and end, whatever the client sends",
        arguments: [InternalService.daytime, .time, .qotd], InternalBench.Transport.allCases)
    func oneWord(_ service: InternalService, _ transport: InternalBench.Transport) throws {
        let bench = try InternalBench(service)
        let client = try bench.connect(transport)
        client.send(Array("unasked\r\n".utf8))
        try bench.run {
            if client.sawEnd { client.close() }
            return client.sawEnd && bench.inside?.count == 0
        }
        switch service {
        case .time: #expect(client.received.count == 4)
        case .daytime: #expect(client.text.hasSuffix(" UTC\r\n"))
        default: #expect(InternalContent.quotes.contains(String(client.text.dropLast(1))))
        }
        #expect(client.failure == nil, "no reset: the answer is safe")
        expectOver(bench)
    }

    @Test("a client that stays after the last word is closed on after the linger time")
    func linger() throws {
        var limits = InternalLimits()
        limits.lingerTimeout = .milliseconds(20)
        let bench = try InternalBench(.daytime, limits: limits)
        let client = try bench.connect(.tcp)
        try bench.run { bench.inside?.count == 0 }
        #expect(client.sawEnd)
        expectOver(bench)
    }

    @Test(
        "chargen sends RFC 864's pattern for as long as the client reads", arguments: InternalBench.Transport.allCases)
    func chargen(_ transport: InternalBench.Transport) throws {
        let bench = try InternalBench(.chargen)
        let client = try bench.connect(transport)
        client.send(Array("ignored".utf8), finishing: true)
        try bench.run {
            if client.received.count > 100_000 { client.close() }
            return bench.inside?.count == 0
        }
        #expect(client.received == InternalContent.characters(client.received.count, fromLine: 0))
        expectOver(bench)
    }

    @Test(
        "a client on which nothing moves is ended after the idle time",
        arguments: [InternalService.echo, .discard, .chargen])
    func idle(_ service: InternalService) throws {
        var limits = InternalLimits()
        limits.idleTimeout = .milliseconds(30)
        let bench = try InternalBench(service, limits: limits)
        let client = try bench.connect(.unix)
        client.appetite = 0
        try bench.run { bench.inside?.count == 0 }
        expectOver(bench)
    }

    @Test("one that reads nothing stops nobody else, and what it sends is not held without limit")
    func stalled() throws {
        let bench = try InternalBench(.echo)
        let stalled = try bench.connect(.unix)
        stalled.appetite = 0
        stalled.send([UInt8](repeating: 1, count: 4 << 20))
        let client = try bench.connect(.tcp)
        client.send(pattern, finishing: true)
        try bench.run { client.sawEnd }
        #expect(client.received == pattern)
        #expect(stalled.unsent > 2 << 20)
        #expect(bench.inside?.count == 1)
        bench.inside?.endAll()
        expectOver(bench, ended: 2)
    }

    @Test("a stalled connection does not keep the loop awake", arguments: [InternalService.echo, .chargen])
    func noSpinning(_ service: InternalService) throws {
        let bench = try InternalBench(service)
        let client = try bench.connect(.unix)
        client.appetite = 0
        client.send([UInt8](repeating: 1, count: 1 << 20), finishing: true)
        let before = processorTime()
        let start = Clock.now()
        try bench.run { Clock.now() - start > .milliseconds(300) }
        #expect(processorTime() - before < .milliseconds(200))
        bench.inside?.endAll()
    }

    /// CPU time of this thread, in which the loop and both ends run.
    private func processorTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    @Test("a client that resets is ended and harms nothing")
    func reset() throws {
        let bench = try InternalBench(.chargen)
        let pair = try InternalBench.Transport.tcp.pair()
        bench.accept(pair.theirs, .tcp)
        try Socket.setResetOnClose(pair.ours.borrowed)
        _ = DescriptorBox(pair.ours)
        try bench.run { bench.inside?.count == 0 }
        expectOver(bench)
    }

    @Test("descriptors that a client sends are not closed by the loop, and end its connection")
    func passedDescriptors() throws {
        let bench = try InternalBench(.echo)
        let client = try bench.connect(.unix)
        let passed = try Socket.make(family: SocketAddress.ipv4(.any, port: 0).family, .stream)
        if let socket = client.socket.borrowed {
            try DescriptorPassing.send([1], passing: [passed.borrowed, passed.borrowed], on: socket)
        }
        try bench.run { client.sawEnd && bench.inside?.count == 0 }
        #expect(client.received.isEmpty)
        #expect(bench.runtime.launchers.isBusy, "they wait for a launcher")
        expectOver(bench)
    }

    @Test("when the supervisor stops every connection is closed")
    func endAll() throws {
        let bench = try InternalBench(.discard)
        let clients = try (0..<3).map { _ in try bench.connect(.tcp) }
        #expect(bench.record.connections.active == 3)
        bench.inside?.endAll()
        try bench.run { clients.allSatisfy(\.sawEnd) }
        expectOver(bench, ended: 3)
    }
}
