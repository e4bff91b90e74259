import ControlProtocol
import HandoffProtocol
import LinuxSystem
import Testing

@testable import ServiceTable
@testable import Supervisor

/// Handlers whose supervisor was killed go on under the next one.
@Suite struct RecoveredHandlerTests {
    /// A handler with so many connections, of which the first `acknowledged` are acknowledged.
    private func start(
        _ service: Service = .handedOff(), _ kind: TestChannel.Kind = .packets, traits: HandlerTraits = [],
        connections: Int = 3, acknowledged: Int = 2
    ) throws -> (bench: RosterBench, channel: TestChannel, clients: [DescriptorBox?]) {
        let bench = try RosterBench(service)
        let channel = try bench.join(kind, traits: traits)
        let clients = try (0..<connections).map { _ in try bench.connect() }
        try bench.run { bench.handlers.first?.load == connections }
        #expect(try channel.batons() == (1...UInt64(connections)).map { $0 })
        if acknowledged > 0 { try channel.send(.acknowledge(upTo: UInt64(acknowledged))) }
        let expected = traits.contains(.sendsNoDone) ? 0 : acknowledged
        try bench.run { bench.counters.active == expected && bench.counters.queued == connections - acknowledged }
        return (bench, channel, clients)
    }

    @Test(
        "it keeps its channel and its connections, and gets others", arguments: [TestChannel.Kind.packets, .datagram])
    func goesOn(kind: TestChannel.Kind) throws {
        let first = try start(.handedOff(), kind)
        let next = try first.bench.successor()
        let counters = next.counters
        #expect(counters.accepted == 3 && counters.active == 2 && counters.queued == 1 && counters.isBalanced)
        #expect(next.handlers.map(\.number) == first.bench.handlers.map(\.number))

        _ = try next.connect()
        try next.run { next.handlers.first?.load == 4 }
        guard case .baton(let baton)? = try first.channel.receive() else { throw Unexpected() }
        #expect(baton.id == 4 && baton.connection == 4, "numbers go on rising")
        try first.channel.send(.acknowledge(upTo: 4))
        try first.channel.send(.done([1, 2, 3, 4]))
        try next.run { next.counters.ended == 4 }
        #expect(next.counters.isBalanced && next.counters.lost == 0 && next.handlers.first?.load == 0)
        #expect(try next.content.connections.isEmpty)

        first.channel.close()
        try next.run { next.handlers.isEmpty }
        #expect(next.keeping.kept.isEmpty)
        #expect(try next.content.handlers.isEmpty)
    }

    private struct Unexpected: Error {}

    @Test("one that it gives back is cut, for nobody has a copy to give to another")
    func givenBack() throws {
        let first = try start()
        let next = try first.bench.successor()
        try first.channel.send(.negative(id: 3, reason: "full"))
        try next.run { next.counters.cut == 1 }
        #expect(next.counters.queued == 0 && next.counters.active == 2 && next.counters.isBalanced)
        #expect(next.handlers.first?.state == .ready, "it has done nothing wrong")
    }

    @Test("what it had when it dies is cut, acknowledged or not")
    func dies() throws {
        let first = try start()
        let next = try first.bench.successor()
        first.channel.close()
        try next.run { next.handlers.isEmpty }
        #expect(next.counters.cut == 3 && next.counters.isBalanced && next.counters.lost == 0)
        #expect(try next.content == RosterContent.empty(after: next))
    }

    @Test("what it had is cut when it had died before, and was sent another since")
    func diedBefore() throws {
        let first = try start(.handedOff(), .datagram)
        first.channel.closePair()
        _ = try first.bench.connect()
        try first.bench.run { first.bench.service.dispatcher.handoff?.queued == 1 }
        first.channel.close()
        let next = try first.bench.successor()
        try next.run { next.handlers.isEmpty }
        #expect(next.counters.cut == 3 && next.counters.isBalanced && next.counters.lost == 0)
        #expect(next.keeping.kept.isEmpty)
    }

    @Test("what ends with the acknowledgement is with it until then")
    func withoutDone() throws {
        let first = try start(traits: .sendsNoDone)
        let next = try first.bench.successor()
        #expect(next.counters.queued == 1 && next.counters.active == 0 && next.counters.isBalanced)
        try first.channel.send(.acknowledge(upTo: 3))
        try next.run { next.counters.ended == 1 }
        #expect(next.counters.isBalanced && next.handlers.first?.load == 0)
    }

    @Test("once more is as well as once")
    func twice() throws {
        let first = try start()
        let second = try first.bench.successor()
        _ = try second.connect()
        try second.run { second.handlers.first?.load == 4 }
        #expect(try first.channel.batons() == [4])
        let third = try second.successor()
        #expect(third.counters.active == 2 && third.counters.queued == 2 && third.counters.isBalanced)
        try first.channel.send(.acknowledge(upTo: 4))
        try first.channel.send(.done([1, 2, 3, 4]))
        try third.run { third.counters.ended == 4 }
        #expect(third.counters.isBalanced && third.runtime.lastConnection == 4)
    }

    @Test("the places of its connections are taken again, and given back")
    func places() throws {
        let first = try start(.handedOff(perSource: 3))
        #expect(try first.bench.connect() == nil)
        let next = try first.bench.successor()
        #expect(try next.connect() == nil, "three of one source are with the handler still")
        #expect(next.counters.refused[.perSource] == 1)
        try first.channel.send(.done([1]))
        try next.run { next.counters.ended == 1 }
        #expect(try next.connect() != nil)
        #expect(next.counters.isBalanced)
    }

    @Test("a stream may have been cut in a message: its handler is let go, and registers again")
    func stream() throws {
        let bench = try RosterBench(.handedOff())
        let channel = try bench.join(.stream)
        _ = try bench.connect()
        try bench.run { bench.handlers.first?.load == 1 }
        #expect(bench.keeping.kept.isEmpty)
        #expect(try bench.content.handlers.isEmpty && bench.content.connections.isEmpty)
        let next = try bench.successor()
        #expect(next.handlers.isEmpty && next.counters.accepted == 0)
        channel.close()
    }

    @Test("one whose channel cannot be kept is not entered")
    func notKept() throws {
        let bench = try RosterBench(.handedOff())
        bench.keeping.isFull = true
        let channel = try bench.join()
        _ = try bench.connect()
        try bench.run { bench.handlers.first?.load == 1 }
        #expect(try bench.content.handlers.isEmpty && bench.content.connections.isEmpty)
        channel.close()
        try bench.run { bench.handlers.isEmpty }
    }

    @Test("regression: what it had is cut when it was just known to be gone, and nobody had been told")
    func gone() throws {
        let first = try start()
        var content = try first.bench.content
        content.handlers[0].life = HandlerMachine.Content(state: .gone, everRegistered: true).inRoster
        first.channel.close()
        let next = try first.bench.successor(content: content)
        try next.run { next.handlers.isEmpty }
        #expect(next.counters.cut == 3 && next.counters.isBalanced && next.counters.lost == 0)
    }

    @Test("one that was just being read or sent to finishes what it has, and gets no more")
    func unsure() throws {
        let first = try start()
        var content = try first.bench.content
        content.handlers[0].isUnsure = true
        let next = try first.bench.successor(content: content)
        _ = try next.connect()
        var messages: [SupervisorMessage] = []
        try next.run {
            if let message = try? first.channel.receive() { messages.append(message) }
            return !messages.isEmpty
        }
        #expect(messages == [.drain] && next.handlers.first?.state == .draining)
        try first.channel.send(.done([1, 2, 3]))
        try next.run { next.counters.ended == 3 }
        first.channel.close()
        try next.run { next.handlers.isEmpty }
        #expect(next.counters.queued == 1 && next.counters.isBalanced, "who came later waits for another")
        #expect(try first.bench.content.handlers.first?.isUnsure == false, "it was not, between two rounds")
    }

    @Test("a connection that nobody has taken from it is its own again")
    func passed() throws {
        let first = try start(.handedOff(passTo: ["other"]), acknowledged: 3)
        var content = try first.bench.content
        content.connections[1].isPassed = true
        let next = try first.bench.successor(content: content)
        var messages: [SupervisorMessage] = []
        try next.run {
            if let message = try? first.channel.receive() { messages.append(message) }
            return !messages.isEmpty
        }
        #expect(messages == [.passed(id: content.connections[1].id, .refused(reason: "no_handler"))])
        try first.channel.send(.done([1, 2, 3]))
        try next.run { next.counters.ended == 3 }
        #expect(next.counters.isBalanced)
    }

    @Test("what is kept and nobody knows of is given up")
    func surplus() throws {
        let first = try start()
        let next = try first.bench.successor(content: RosterContent())
        #expect(next.handlers.isEmpty && next.keeping.kept.isEmpty && next.counters.accepted == 0)
    }

    @Test("a service that the table has no longer, or serves otherwise, is left to itself")
    func otherTable() throws {
        var other = Service(name: "web")
        other.dispatch = .internal(.echo)
        #expect(try start().bench.successor(other).keeping.kept.isEmpty)
        #expect(try start().bench.successor(.handedOff("other")).keeping.kept.isEmpty)
    }

    @Test("something else under its number is no channel")
    func noChannel() throws {
        let first = try start()
        let number = try #require(first.bench.handlers.first?.number)
        let pipe = try Socket.pair(.stream)
        #expect(first.bench.keeping.keeper.keep([pipe.ours.borrowed], number))
        let next = try first.bench.successor()
        #expect(next.handlers.isEmpty && next.keeping.kept.isEmpty)
    }
}

extension RosterContent {
    /// All that is left when everything has ended.
    static func empty(after bench: RosterBench) -> RosterContent {
        var content = RosterContent()
        (content.lastConnection, content.lastHandler) = (bench.runtime.lastConnection, bench.runtime.lastHandler)
        return content
    }
}
