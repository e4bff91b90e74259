import LinuxSystem
import ServiceTable
import SystemPackage
import Testing

@testable import Supervisor

/// Relays in a loop of the test's own, with limits that a test can wait for.
@Suite struct RedirectDispatchTests {
    private func listener(backlog: Int = 16) throws -> DescriptorBox {
        let socket = try Socket.make(family: SocketAddress.ipv4(.any, port: 0).family, .stream, nonblocking: true)
        try Socket.bind(socket.borrowed, to: .ipv4(.loopback, port: 0))
        try Socket.listen(socket.borrowed, backlog: backlog)
        return DescriptorBox(socket)
    }

    private func address(_ box: DescriptorBox) throws -> SocketAddress {
        try Socket.localAddress(of: #require(box.borrowed))
    }

    /// A listener whose backlog is full: the kernel drops each SYN, and no answer ever comes.
    private func blackHole() throws -> (listener: DescriptorBox, fillers: [DescriptorBox]) {
        let hole = try listener(backlog: 0)
        var fillers: [DescriptorBox] = []
        for _ in 0..<8 {
            let filler = try Socket.make(family: try address(hole).family, .stream, nonblocking: true)
            do {
                try Socket.connect(filler.borrowed, to: try address(hole))
            } catch Errno.nowInProgress {}
            fillers.append(DescriptorBox(filler))
        }
        return (hole, fillers)
    }

    @Test("a target that never answers is refused after the time to connect")
    func silentTarget() throws {
        let hole = try blackHole()
        var limits = RedirectLimits()
        limits.connectTimeout = .milliseconds(50)
        let bench = try RedirectBench([address(hole.listener)], limits: limits)
        let client = try bench.connect()
        try bench.bench.run { client.sawEnd || client.failure != nil }
        #expect(bench.record.connections.refused[.noHandler] == 1)
        #expect(bench.record.connections.isBalanced && bench.dispatch.count == 0)
        #expect(bench.record.lastFailure?.error == "\(Errno.timedOut)")
    }

    @Test("when one address does not answer or refuses, the next is tried, and tried first from then on")
    func nextAddress() throws {
        let hole = try blackHole()
        let closed = try address(listener())
        let good = try listener()
        var limits = RedirectLimits()
        limits.connectTimeout = .milliseconds(50)
        let bench = try RedirectBench([address(hole.listener), closed, address(good)], limits: limits)
        let client = try bench.connect()
        let server = try bench.accept(good)
        server.send(Array("hello".utf8))
        try bench.bench.run { client.text == "hello" }

        let second = try bench.connect()
        #expect(bench.dispatch.count == 2)
        let secondServer = try bench.accept(good)
        secondServer.send(Array("again".utf8))
        try bench.bench.run { second.text == "again" }
    }

    @Test("the time for all addresses together is limited too")
    func totalTime() throws {
        let hole = try blackHole()
        var limits = RedirectLimits()
        limits.connectTimeout = .milliseconds(50)
        limits.totalConnectTimeout = .milliseconds(60)
        let many = Array(repeating: try address(hole.listener), count: 1000)
        let bench = try RedirectBench(many, limits: limits)
        let client = try bench.connect()
        try bench.bench.run { client.sawEnd || client.failure != nil }
        #expect(bench.record.connections.refused[.noHandler] == 1)
    }

    @Test("a relay on which nothing moves is broken off")
    func idle() throws {
        let target = try listener()
        var limits = RedirectLimits()
        limits.idleTimeout = .milliseconds(30)
        let bench = try RedirectBench([address(target)], limits: limits)
        let client = try bench.connect()
        let server = try bench.accept(target)
        try bench.bench.run { client.failure != nil && server.failure != nil }
        #expect(client.failure == .connectionReset && server.failure == .connectionReset)
        #expect(bench.record.connections.ended == 1 && bench.dispatch.count == 0)
    }

    @Test("what a client said before it broke off does not wait for ever for a target that waits itself")
    func lastWordsOfNobody() throws {
        let target = try listener()
        var limits = RedirectLimits()
        limits.lastWordTimeout = .milliseconds(30)
        let bench = try RedirectBench([address(target)], limits: limits)
        let client = try bench.connect()
        let server = try bench.accept(target)
        // As an echo does that nobody reads: it does not read either.
        server.appetite = 0
        client.send([UInt8](repeating: 0, count: 24 << 20))
        var (left, quiet) = (client.unsent, 0)
        try bench.bench.run {
            quiet = client.unsent == left ? quiet + 1 : 0
            left = client.unsent
            return quiet == 100
        }
        try #require(left > 0)
        try Socket.setResetOnClose(#require(client.socket.borrowed))
        client.close()
        try bench.bench.run { bench.record.connections.ended == 1 }
        #expect(bench.dispatch.count == 0)
    }

    @Test("without splice bytes are copied, by bounded pieces", arguments: [0, 256 * 1024])
    func copying(spliceMost: Int) throws {
        let target = try listener()
        var limits = RedirectLimits()
        limits.spliceMost = spliceMost
        let bench = try RedirectBench([address(target)], limits: limits)
        let client = try bench.connect()
        let server = try bench.accept(target)
        let there = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let back = Array(there.reversed())
        server.send(back)
        try bench.bench.run { client.received.count == back.count }
        client.send(there, finishing: true)
        try bench.bench.run { server.sawEnd }
        // As values: a difference of a million elements is not to be worked out.
        let isSame = (server.received == there, client.received == back)
        #expect(isSame == (true, true))
        server.close()
        try bench.bench.run { bench.record.connections.ended == 1 }
    }

    @Test("a Unix target with a full backlog is tried again until there is room")
    func fullUnixBacklog() throws {
        let name = SocketAddress.abstract(name: "baton-redirect-\(CurrentProcess.pid)-\(Clock.now())")
        let target = try Socket.make(family: name.family, .stream, nonblocking: true)
        try Socket.bind(target.borrowed, to: name)
        try Socket.listen(target.borrowed, backlog: 0)
        let first = try Socket.connected(to: name)
        var limits = RedirectLimits()
        limits.backlogRetry = .milliseconds(5)
        let box = DescriptorBox(target)
        let bench = try RedirectBench([name], limits: limits)
        let client = try bench.connect()
        let filler = try Socket.accept(#require(box.borrowed))
        let server = try bench.accept(box)
        server.send(Array("room".utf8))
        try bench.bench.run { client.text == "room" }
        #expect(filler.descriptor.rawValue >= 0 && first.rawValue >= 0, "open until now")
    }

    @Test("when the service stops, relays are broken off and waiting clients refused")
    func endAll() throws {
        let hole = try blackHole()
        let bench = try RedirectBench([address(hole.listener)], limits: .standard)
        let client = try bench.connect()
        #expect(bench.dispatch.count == 1)
        bench.dispatch.endAll()
        #expect(bench.dispatch.count == 0 && bench.record.connections.refused[.stopping] == 1)
        try bench.bench.run { client.sawEnd || client.failure != nil }
    }
}

/// The redirect of one service, in the loop of an `InternalBench`.
private final class RedirectBench {
    let bench: InternalBench
    let record: ServiceRecord
    let dispatch: RedirectDispatch

    init(_ addresses: [SocketAddress], limits: RedirectLimits) throws {
        bench = try InternalBench(.discard)
        record = ServiceRecord(name: "redirect", events: bench.runtime.events)
        dispatch = RedirectDispatch(
            Redirect(addresses: addresses),
            refuser: Refuser(reply: nil, record: record, runtime: bench.runtime), record: record,
            runtime: bench.runtime, limits: limits
        ) {}
    }

    /// A client whose connection is redirected.
    func connect() throws -> BenchClient {
        let ends = try InternalBench.Transport.tcp.pair()
        let origin = ConnectionOrigin(
            number: bench.runtime.nextConnectionNumber(), peer: .ipv4(.loopback, port: 1), kind: .tcp,
            listener: "redirect", accepted: bench.runtime.loop.now)
        record.connections.accepted += 1
        dispatch.dispatch(DescriptorBox(ends.theirs), origin)
        return try BenchClient(ends.ours, loop: bench.runtime.loop)
    }

    /// The target's end of the next relay.
    func accept(_ listener: DescriptorBox) throws -> BenchClient {
        var found: BenchClient?
        try bench.run {
            guard let socket = listener.borrowed else { return true }
            if let accepted = try? Socket.accept(socket) {
                found = try? BenchClient(accepted.descriptor, loop: self.bench.runtime.loop)
            }
            return found != nil
        }
        return try #require(found)
    }
}
