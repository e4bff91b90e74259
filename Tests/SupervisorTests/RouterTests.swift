import Testing

@testable import ServiceTable
@testable import Supervisor

@Suite("which way a connection goes")
struct RouterTests {
    private func handoff(fallback: Bool = false) -> Dispatch {
        var settings = Handoff()
        settings.fallback = fallback ? Program(path: "/bin/true", arguments: ["true"]) : nil
        return .handoff(Shared(settings))
    }

    private func available(kept: Bool = false, registered: Bool = false, failed: Bool = false) -> HandlerAvailability {
        HandlerAvailability(isFailed: failed, isKept: kept, isRegistered: registered)
    }

    @Test("what has no handlers goes its one way")
    func simple() {
        #expect(Router.way(.exec(Program(path: "/bin/true", arguments: ["true"])), nil) == .spawn)
        #expect(Router.way(.internal(.qotd), nil) == .serve(.qotd))
        #expect(Router.way(.redirect(Redirect()), nil) == .relay)
    }

    @Test("without a fallback: handed off or queued, refused only where starts have failed")
    func plain() {
        #expect(Router.way(handoff(), nil) == .handOff)
        #expect(Router.way(handoff(), available()) == .handOff, "one may still register")
        #expect(Router.way(handoff(), available(kept: true)) == .handOff)
        #expect(Router.way(handoff(), available(registered: true)) == .handOff)
        #expect(Router.way(handoff(), available(kept: true, failed: true)) == .refuse(.noHandler))
        #expect(Router.way(handoff(), available(kept: true, registered: true, failed: true)) == .handOff)
    }

    @Test("exec beside handoff: while nobody serves and nobody is expected")
    func fallback() {
        #expect(Router.way(handoff(fallback: true), available()) == .spawn)
        #expect(Router.way(handoff(fallback: true), available(registered: true)) == .handOff)
        #expect(Router.way(handoff(fallback: true), available(kept: true)) == .handOff, "one is being started")
        #expect(Router.way(handoff(fallback: true), available(kept: true, failed: true)) == .spawn)
        #expect(
            Router.way(handoff(fallback: true), available(kept: true, registered: true, failed: true)) == .handOff)
    }
}
