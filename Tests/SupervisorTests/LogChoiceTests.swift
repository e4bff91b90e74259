import ControlProtocol
import Testing

@testable import ServiceTable
@testable import Supervisor

/// `log_on`: which lines of a service are written, and what is in them.
@Suite struct LogChoiceTests {
    private func choice(_ lines: Set<LogLine>, _ dispatch: Dispatch) throws -> LogChoice {
        var service = Service(name: "s")
        service.dispatch = dispatch
        service.logOn = lines
        return try #require(LogChoice(service))
    }

    private func event(_ kind: Event.Kind, connection: UInt64? = 1) -> Event {
        Event(time: Timestamp(seconds: 0, nanoseconds: 0), service: "s", connection: connection, kind)
    }

    private let spawned = Event.Kind.process(.spawned(pid: 5))
    private let exited = Event.Kind.process(.exited(pid: 5, .status(0), duration: .seconds(2)))
    private let accepted = Event.Kind.connection(.accepted(listener: "s"))
    private let ended = Event.Kind.connection(
        .ended(duration: .seconds(2), traffic: Traffic(received: 3, sent: 4), why: nil))

    @Test("a table that does not choose leaves the log as it is")
    func none() {
        #expect(LogChoice(Service(name: "s")) == nil)
    }

    @Test("each word brings its lines and no others, by what beginning and end are on that way")
    func words() throws {
        let refused = Event.Kind.connection(.refused(.source))
        let all: [Event.Kind] = [spawned, exited, accepted, ended, refused]
        func shown(_ lines: Set<LogLine>, _ dispatch: Dispatch) throws -> [Bool] {
            let choice = try choice(lines, dispatch)
            return all.map { choice.shown(event($0)) != nil }
        }
        let exec = Dispatch.exec(Program())
        // What is accepted is no line of exec's to choose, but of debugging.
        #expect(try shown([], exec) == [false, false, true, false, false])
        #expect(try shown([.start], exec) == [true, false, true, false, false])
        #expect(try shown([.exit], exec) == [false, true, true, true, false])
        #expect(try shown([.duration], exec) == [false, true, true, true, false])
        #expect(try shown([.refuse], exec) == [false, false, true, false, true])
        #expect(try shown([.start, .refuse], .internal(.echo)) == [true, false, true, false, true])
        #expect(try shown([], .internal(.echo)) == [false, false, false, false, false])
    }

    @Test("what is listed is written at info at least, other lines at their own level")
    func levels() throws {
        let choice = try choice([.start, .exit], .redirect(Redirect()))
        #expect(event(accepted).level == .debug)
        #expect(choice.shown(event(accepted))?.level == .info)
        #expect(choice.shown(event(ended))?.level == .info)
        #expect(choice.shown(event(.connection(.acknowledged(handler: "h"))))?.level == .debug)
    }

    @Test("duration and traffic are in the line of the end only when they are listed")
    func contents() throws {
        func message(_ lines: Set<LogLine>, _ kind: Event.Kind) throws -> String? {
            try choice(lines, .exec(Program())).shown(event(kind))?.details.message
        }
        #expect(try message([.exit], exited) == "pid 5 exited with status 0")
        #expect(try message([.exit, .duration], exited) == "pid 5 exited with status 0 after 2.0s")
        #expect(try message([.exit], ended) == "ended")
        #expect(try message([.traffic], ended) == "ended, 3 bytes from the client, 4 to it")
        #expect(try message([.duration], ended) == "ended after 2.0s")
    }

    @Test("of the processes that serve metrics, those that did not end well have a line")
    func metrics() throws {
        var service = Service(name: "metrics")
        service.dispatch = .exec(Program())
        service.servesMetrics = true
        service.logOn = [.refuse]
        let choice = try #require(LogChoice(service))
        let killed = Event.Kind.process(.exited(pid: 5, .signal(name: "KILL", coreDumped: false), duration: nil))
        #expect(choice.shown(event(exited)) == nil && choice.shown(event(spawned)) == nil)
        #expect(choice.shown(event(killed)) != nil)
    }

    @Test("crashes and faults are written whatever is listed")
    func warnings() throws {
        let choice = try choice([], .exec(Program()))
        let crash = Event.Kind.process(
            .exited(pid: 5, .signal(name: "SEGV", coreDumped: false), duration: .seconds(2)))
        #expect(choice.shown(event(crash)) == event(crash))
        #expect(choice.shown(event(.process(.spawnFailed(stage: "exec", error: "e")))) != nil)
    }

    @Test("the processes of persistent handlers are not the service's connections")
    func handlers() throws {
        let choice = try choice([], .handoff(Shared(Handoff())))
        #expect(choice.shown(event(spawned, connection: nil)) != nil)
        #expect(choice.shown(event(spawned, connection: 7)) == nil)
        #expect(choice.shown(event(.connection(.handedOff(handler: "h", pid: 1, again: false)))) == nil)
    }
}
