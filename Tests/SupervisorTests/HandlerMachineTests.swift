import LinuxSystem
import Testing

@testable import Supervisor

@Suite("the life of a persistent handler")
struct HandlerMachineTests {
    typealias Departure = HandlerMachine.Departure
    typealias ExitStatus = LinuxSystem.ExitStatus

    private func machine(
        _ kind: HandlerMachine.Kind = .supervised, killsSilent: Bool = true, after events: HandlerMachine.Event...
    ) -> HandlerMachine {
        var machine = HandlerMachine(kind: kind, killsSilent: killsSilent)
        for event in events { _ = machine.handle(event) }
        return machine
    }

    private func gone(_ manner: Departure.Manner, _ status: ExitStatus? = nil, channelOpen: Bool = false)
        -> [HandlerMachine.Action]
    {
        [.gone(Departure(manner: manner, leftChannelOpen: channelOpen, status: status))]
    }

    private let killed = ExitStatus.signaled(9, coreDumped: false)

    @Test("REGISTER makes it ready, and nothing else does")
    func registers() {
        var handler = machine()
        #expect(handler.state == .starting)
        for event in [HandlerMachine.Event.heard, .silent, .drainAnnounced, .deadline(.drain)] {
            #expect(handler.handle(event) == [])
            #expect(handler.state == .starting)
        }
        #expect(handler.handle(.registered) == [.sendWelcome])
        #expect(handler.state == .ready)
        #expect(handler.handle(.registered) == [])
        #expect(handler.handle(.deadline(.start)) == [], "it came in time")
        #expect(handler.state == .ready)
    }

    @Test("one that never registers is killed, and has failed to start once it is collected and hung up")
    func neverRegisters() {
        var handler = machine()
        #expect(handler.handle(.deadline(.start)) == [.kill])
        #expect(handler.state == .ending)
        #expect(handler.handle(.channelHungUp) == [.kill], "whoever holds no channel cannot be talked to")
        #expect(handler.state == .ending, "its exit is still to come")
        let departure = Departure(manner: .failedStart, startExpired: true, status: killed)
        #expect(handler.handle(.exited(killed)) == [.gone(departure)], "a KILL that was Baton's own")
        #expect(handler.state == .gone)
    }

    @Test("one that exits before it registers has failed to start, with status 0 as well", arguments: [0, 1])
    func exitsAtOnce(_ status: Int32) {
        var handler = machine()
        #expect(handler.handle(.exited(.exited(status))) == [.kill, .arm(.remnant)])
        #expect(handler.handle(.channelHungUp) == gone(.failedStart, .exited(status)))
    }

    @Test("regression: a silent one that may not be killed is ready again when it answers")
    func mayNotBeKilled() {
        var handler = machine(.registered, after: .registered)
        #expect(handler.handle(.silent) == [.kill])
        #expect(handler.handle(.heard) == [])
        #expect(handler.state == .unresponsive, "killed, it does not come back")
        handler.killsSilent = false
        #expect(handler.handle(.heard) == [])
        #expect(handler.state == .ready)
    }

    @Test("regression: once it is collected nothing is killed by its number, whatever comes over its channel")
    func protocolErrorAfterExit() {
        var handler = machine(after: .registered, .exited(.exited(0)))
        #expect(handler.handle(.protocolError) == [.endChannel, .arm(.remnant)])
        #expect(handler.handle(.deadline(.remnant)) == gone(.crashed, .exited(0), channelOpen: true))
    }

    @Test("regression: one that closes its channel on its way to a clean exit is not killed, and has finished")
    func hangsUpFirst() {
        var handler = machine(after: .registered)
        #expect(handler.handle(.channelHungUp) == [.arm(.remnant)])
        #expect(handler.handle(.exited(.exited(0))) == gone(.finished, .exited(0)))
    }

    @Test("gone takes both, the hang-up and the exit, in either order")
    func both() {
        var handler = machine(after: .registered)
        #expect(handler.handle(.channelHungUp) == [.arm(.remnant)])
        #expect(handler.state == .ending)
        #expect(handler.handle(.deadline(.remnant)) == [.kill])
        #expect(handler.handle(.exited(killed)) == gone(.crashed, killed))

        handler = machine(after: .registered)
        #expect(handler.handle(.exited(killed)) == [.kill, .arm(.remnant)], "its group may hold the channel")
        #expect(handler.state == .ending)
        #expect(handler.handle(.channelHungUp) == gone(.crashed, killed))
        #expect(handler.handle(.deadline(.remnant)) == [])
    }

    @Test("a channel that somebody keeps open is given up in time, and what he may hold is not given again")
    func remnant() {
        var handler = machine(after: .registered, .exited(.exited(1)))
        #expect(handler.handle(.deadline(.remnant)) == gone(.crashed, .exited(1), channelOpen: true))
        #expect(handler.state == .gone)
        #expect(handler.handle(.channelHungUp) == [], "too late: it is gone once only")
    }

    @Test("an unasked exit with status 0 is a finish, any other a crash")
    func manners() {
        var handler = machine(after: .registered, .exited(.exited(0)))
        #expect(handler.handle(.channelHungUp) == gone(.finished, .exited(0)))
        handler = machine(after: .registered, .drainAnnounced, .exited(.exited(3)))
        #expect(handler.handle(.channelHungUp) == gone(.finished, .exited(3)), "it had said so")
    }

    @Test("a silent one that is to be waited for serves again when it answers")
    func recovers() {
        var handler = machine(killsSilent: false, after: .registered)
        #expect(handler.handle(.silent) == [])
        #expect(handler.state == .unresponsive)
        #expect(handler.handle(.silent) == [])
        #expect(handler.handle(.heard) == [])
        #expect(handler.state == .ready)
    }

    @Test("regression: a silent one that was killed is not ready again by what it had sent before")
    func killedStaysUnresponsive() {
        var handler = machine(after: .registered)
        #expect(handler.handle(.silent) == [.kill])
        #expect(handler.handle(.heard) == [])
        #expect(handler.state == .unresponsive)
        #expect(handler.handle(.exited(killed)) == [.kill, .arm(.remnant)])
        #expect(handler.handle(.channelHungUp) == gone(.crashed, killed))
    }

    @Test("DRAIN: it finishes what it has; TERM when the time is over; nothing that dies with it is its fault")
    func drains() {
        var handler = machine(after: .registered)
        #expect(!handler.endsAsAsked)
        #expect(handler.handle(.drainAsked) == [.sendDrain, .arm(.drain)])
        #expect(handler.state == .draining)
        #expect(handler.endsAsAsked && !handler.finishesByItself)
        #expect(handler.handle(.drainAsked) == [])
        #expect(handler.handle(.drainAnnounced) == [], "an answer, and no second deadline")
        #expect(handler.handle(.heard) == [])
        #expect(handler.handle(.deadline(.drain)) == [.terminate])
        #expect(handler.state == .draining)
        #expect(handler.handle(.channelHungUp) == [], "it is about to exit")
        #expect(handler.handle(.exited(.exited(0))) == gone(.dismissed, .exited(0)))
    }

    @Test("an unresponsive one is drained too; one that starts has nothing to finish and gets its stop signal")
    func drainsInEveryState() {
        var handler = machine(killsSilent: false, after: .registered, .silent)
        #expect(handler.handle(.drainAsked) == [.sendDrain, .arm(.drain)])
        handler = machine()
        #expect(handler.handle(.drainAsked) == [.terminate])
        #expect(handler.state == .ending)
        #expect(handler.handle(.drainAsked) == [])
        #expect(handler.handle(.registered) == [], "too late")
        #expect(handler.state == .ending)
        #expect(handler.handle(.exited(.exited(0))) == [.kill, .arm(.remnant)])
        #expect(handler.handle(.channelHungUp) == gone(.dismissed, .exited(0)))
    }

    @Test("regression: a draining one from outside that falls silent, and may not be killed, is waited for")
    func silentFromOutside() {
        var handler = machine(.registered, after: .registered, .drainAnnounced)
        #expect(handler.handle(.silent) == [.kill])
        #expect(handler.state == .draining)
        handler.killsSilent = false
        #expect(handler.handle(.silent) == [])
        #expect(handler.handle(.channelHungUp) == gone(.finished))
    }

    @Test("a draining one that falls silent is killed, or has the time that is left")
    func silentWhileDraining() {
        var handler = machine(after: .registered, .drainAsked)
        #expect(handler.handle(.silent) == [.kill])
        #expect(handler.state == .ending)
        handler = machine(killsSilent: false, after: .registered, .drainAsked)
        #expect(handler.handle(.silent) == [])
        #expect(handler.state == .draining)
    }

    @Test("its own DRAIN: it gets the same time, and ends as it said", arguments: [true, false])
    func drainsItself(_ isSilent: Bool) {
        var handler = machine(killsSilent: false, after: .registered)
        if isSilent { _ = handler.handle(.silent) }
        #expect(handler.handle(.drainAnnounced) == [.arm(.drain)])
        #expect(handler.state == .draining)
        #expect(handler.endsAsAsked && handler.finishesByItself)
        #expect(handler.handle(.drainAnnounced) == [])
        #expect(handler.handle(.drainAsked) == [], "it knows")
        #expect(!handler.finishesByItself)
    }

    @Test("a protocol error: the child is killed; a stranger's channel ends and has a time to hang up")
    func protocolErrors() {
        var handler = machine(after: .registered)
        #expect(handler.handle(.protocolError) == [.kill, .endChannel])
        #expect(handler.state == .ending)
        #expect(handler.handle(.exited(.exited(0))) == [.kill, .arm(.remnant)])
        #expect(handler.handle(.channelHungUp) == gone(.crashed, .exited(0)), "status 0 does not excuse it")

        handler = machine(.registered, after: .registered)
        #expect(handler.handle(.protocolError) == [.endChannel, .arm(.remnant)])
        #expect(handler.handle(.deadline(.remnant)) == gone(.crashed, channelOpen: true))
    }

    @Test("a registered one is gone with its channel: it has no exit to collect")
    func registeredHandler() {
        var handler = machine(.registered, after: .registered)
        #expect(handler.handle(.channelHungUp) == gone(.crashed))
        handler = machine(.registered, after: .registered, .drainAnnounced)
        #expect(handler.handle(.channelHungUp) == gone(.finished))
        handler = machine(.registered, after: .registered, .drainAsked)
        #expect(handler.handle(.deadline(.drain)) == [], "it is not ours to signal")
        #expect(handler.dismiss(firmly: true) == [])
        #expect(handler.handle(.channelHungUp) == gone(.dismissed))
    }

    @Test("dismissed: TERM, then KILL, and then its exit is enough; nothing for one that has exited")
    func dismissal() {
        var handler = machine(after: .registered)
        #expect(handler.dismiss(firmly: false) == [.terminate])
        #expect(handler.state == .ending)
        #expect(handler.endsAsAsked)
        #expect(handler.handle(.channelHungUp) == [])
        #expect(handler.dismiss(firmly: true) == [.kill])
        #expect(handler.handle(.exited(killed)) == gone(.dismissed, killed))
        #expect(handler.dismiss(firmly: true) == [])

        handler = machine(after: .registered, .exited(.exited(1)))
        #expect(handler.dismiss(firmly: true) == [])
    }

    @Test("what it holds has ended with it only if it was to end, and ended well")
    func finishedItsWork() {
        #expect(!machine(after: .registered, .exited(.exited(0)), .channelHungUp).finishedItsWork, "nobody had asked")
        for end in [HandlerMachine.Event.drainAsked, .drainAnnounced] {
            #expect(machine(after: .registered, end, .exited(.exited(0)), .channelHungUp).finishedItsWork)
            #expect(!machine(after: .registered, end, .exited(.exited(1)), .channelHungUp).finishedItsWork)
            #expect(!machine(after: .registered, end, .exited(killed), .channelHungUp).finishedItsWork)
            #expect(machine(.registered, after: .registered, end, .channelHungUp).finishedItsWork)
            #expect(!machine(.registered, after: .registered, end, .protocolError, .channelHungUp).finishedItsWork)
        }
    }

    @Test("nothing moves one that is gone")
    func afterTheEnd() {
        var handler = machine(.registered, after: .registered, .channelHungUp)
        let all: [HandlerMachine.Event] = [
            .registered, .drainAsked, .drainAnnounced, .silent, .heard, .protocolError, .channelHungUp,
            .exited(.exited(0)), .deadline(.start), .deadline(.drain), .deadline(.remnant),
        ]
        for event in all {
            #expect(handler.handle(event) == [])
            #expect(handler.state == .gone)
        }
    }
}
