import LinuxSystem
import Testing

@testable import Supervisor

@Suite("the queue of connections that wait for a handler")
struct BatonQueueTests {
    private func baton(_ number: UInt64, sentBefore: Bool = false) throws -> Baton {
        let origin = ConnectionOrigin(
            number: number, peer: .unix(path: ""), kind: .unix, listener: "app", accepted: .zero)
        let baton = Baton(DescriptorBox(try OwnedDescriptor.placeholder()), origin)
        if sentBefore { baton.sent(at: .zero) }
        return baton
    }

    private func numbers(_ queue: BatonQueue) -> [UInt64] {
        var queue = queue
        return queue.removeAll(at: .zero).map(\.origin.number)
    }

    @Test("first come, first passed")
    func order() throws {
        var queue = BatonQueue()
        var first = queue.take(0, at: .zero)
        #expect(queue.isEmpty && queue.first == nil && first == nil)
        for number: UInt64 in 1...3 { queue.append(try baton(number), at: .zero) }
        #expect(queue.count == 3)
        #expect(queue.first?.origin.number == 1)
        first = queue.take(0, at: .zero)
        #expect(first?.origin.number == 1)
        #expect(numbers(queue) == [2, 3])
    }

    @Test("what comes back goes to the front, in the order of acceptance, whoever gave it back first")
    func requeue() throws {
        var queue = BatonQueue()
        for number: UInt64 in [8, 9] { queue.append(try baton(number), at: .zero) }
        queue.requeue([try baton(5, sentBefore: true), try baton(3, sentBefore: true)], at: .zero)
        queue.requeue([try baton(6, sentBefore: true), try baton(4, sentBefore: true)], at: .zero)
        queue.requeue([try baton(1, sentBefore: true)], at: .zero)
        #expect(numbers(queue) == [1, 3, 4, 5, 6, 8, 9])
    }

    @Test("regression: what comes back stands before a routed connection that an earlier number was given to")
    func beforeFreshOnes() throws {
        var queue = BatonQueue()
        for number: UInt64 in [20, 7] { queue.append(try baton(number), at: .zero) }
        let removed = queue.take(0, at: .zero)
        let first = try #require(removed)
        first.sent(at: .zero)
        queue.requeue([first], at: .zero)
        #expect(numbers(queue) == [20, 7])
    }

    @Test("queue.timeout counts time in the queue only")
    func timeout() throws {
        var queue = BatonQueue()
        #expect(queue.nextDeadline(.seconds(30)) == nil)
        queue.append(try baton(1), at: .seconds(0))
        queue.append(try baton(2), at: .seconds(5))
        #expect(queue.nextDeadline(.seconds(30)) == .seconds(30))
        // 10 s in the queue, then an hour with a handler that dies.
        let removed = queue.take(0, at: .seconds(10))
        let first = try #require(removed)
        #expect(queue.nextDeadline(.seconds(30)) == .seconds(35))
        queue.requeue([first], at: .seconds(3610))
        func expired(at seconds: Int) -> [UInt64] {
            queue.removeExpired(.seconds(30), at: .seconds(seconds)).map(\.origin.number)
        }
        #expect(expired(at: 34) == [])
        #expect(expired(at: 3629) == [2])
        #expect(queue.nextDeadline(.seconds(30)) == .seconds(3630))
        #expect(expired(at: 3630) == [1])
        #expect(queue.isEmpty)
    }
}
