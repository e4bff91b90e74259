import LinuxSystem
import Testing

@testable import Supervisor

/// handoff.md: starting → ready ⇄ busy → draining → gone; ready/busy → unresponsive → ready or gone.
@Suite("every state of a handler, met by every event")
struct HandlerTransitionsTests {
    typealias Machine = HandlerMachine

    private static let died = LinuxSystem.ExitStatus.signaled(9, coreDumped: false)

    /// How each state is reached.
    private static let ways: [(state: Machine.State, events: [Machine.Event])] = [
        (.starting, []), (.ready, [.registered]), (.unresponsive, [.registered, .silent]),
        (.draining, [.registered, .drainAsked]), (.ending, [.registered, .exited(died)]),
        (.gone, [.registered, .exited(died), .channelHungUp]),
    ]

    private static let events: [Machine.Event] = [
        .registered, .drainAsked, .drainAnnounced, .silent, .heard, .protocolError, .lifelineEnded, .channelHungUp,
        .exited(died), .deadline(.start), .deadline(.drain), .deadline(.remnant),
    ]

    /// A supervised handler that is killed when it is silent: the state after each event, in the order above.
    @Test("a supervised handler")
    func supervised() {
        let expected: [Machine.State: [Machine.State]] = [
            .starting: [
                .ready, .ending, .starting, .starting, .starting, .ending, .ending, .ending, .ending, .ending,
                .starting, .gone,
            ],
            .ready: [
                .ready, .draining, .draining, .unresponsive, .ready, .ending, .ending, .ending, .ending, .ready,
                .ready, .gone,
            ],
            .unresponsive: [
                .unresponsive, .draining, .draining, .unresponsive, .unresponsive, .ending, .ending, .ending, .ending,
                .unresponsive, .unresponsive, .gone,
            ],
            .draining: [
                .draining, .draining, .draining, .ending, .draining, .ending, .ending, .draining, .ending, .draining,
                .draining, .gone,
            ],
            .ending: [
                .ending, .ending, .ending, .ending, .ending, .ending, .ending, .gone, .ending, .ending, .ending,
                .gone,
            ],
            .gone: [Machine.State](repeating: .gone, count: 12),
        ]
        check(.supervised, expected)
    }

    @Test("a registered handler that is waited for: its channel alone makes it gone")
    func registered() {
        let ways: [(state: Machine.State, events: [Machine.Event])] = [
            (.ready, [.registered]), (.unresponsive, [.registered, .silent]), (.draining, [.registered, .drainAsked]),
            (.ending, [.registered, .protocolError]), (.gone, [.registered, .channelHungUp]),
        ]
        let events = Self.events.filter { if case .exited = $0 { false } else { true } }
        let expected: [Machine.State: [Machine.State]] = [
            .ready: [
                .ready, .draining, .draining, .unresponsive, .ready, .ending, .ending, .gone, .ready, .ready, .gone,
            ],
            .unresponsive: [
                .unresponsive, .draining, .draining, .unresponsive, .ready, .ending, .ending, .gone, .unresponsive,
                .unresponsive, .gone,
            ],
            .draining: [
                .draining, .draining, .draining, .draining, .draining, .ending, .ending, .gone, .draining, .draining,
                .gone,
            ],
            .ending: [
                .ending, .ending, .ending, .ending, .ending, .ending, .ending, .gone, .ending, .ending, .gone,
            ],
            .gone: [Machine.State](repeating: .gone, count: 11),
        ]
        for (state, way) in ways {
            for (event, after) in zip(events, expected[state] ?? []) {
                var machine = Machine(kind: .registered, killsSilent: false)
                for step in way { _ = machine.handle(step) }
                #expect(machine.state == state)
                let actions = machine.handle(event)
                #expect(machine.state == after, "\(state), \(event)")
                #expect(!actions.contains(.kill) && !actions.contains(.terminate), "it is not ours to signal")
            }
        }
    }

    private func check(_ kind: Machine.Kind, _ expected: [Machine.State: [Machine.State]]) {
        for (state, way) in Self.ways {
            for (event, after) in zip(Self.events, expected[state] ?? []) {
                var machine = Machine(kind: kind, killsSilent: true)
                for step in way { _ = machine.handle(step) }
                #expect(machine.state == state)
                let actions = machine.handle(event)
                #expect(machine.state == after, "\(state), \(event)")
                let isGone = actions.contains { if case .gone = $0 { true } else { false } }
                #expect(isGone == (after == .gone && state != .gone), "\(state), \(event): told once that it is gone")
            }
        }
    }
}
