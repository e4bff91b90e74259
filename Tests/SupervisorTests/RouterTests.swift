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
        #expect(Router(.exec(Program(path: "/bin/true", arguments: ["true"]))).way(nil) == .spawn)
        #expect(Router(.internal(.qotd)).way(nil) == .serve(.qotd))
        #expect(Router(.redirect(Redirect())).way(nil) == .relay)
        #expect(Router(handoff(), waits: true).way(available(registered: true)) == .refuse(.noHandler))
    }

    @Test("without a fallback: handed off or queued, refused only where starts have failed")
    func plain() {
        #expect(Router(handoff()).way(nil) == .handOff)
        #expect(Router(handoff()).way(available()) == .handOff, "one may still register")
        #expect(Router(handoff()).way(available(kept: true)) == .handOff)
        #expect(Router(handoff()).way(available(registered: true)) == .handOff)
        #expect(Router(handoff()).way(available(kept: true, failed: true)) == .refuse(.noHandler))
        #expect(Router(handoff()).way(available(kept: true, registered: true, failed: true)) == .handOff)
    }

    @Test("exec beside handoff: while nobody serves and nobody is expected")
    func fallback() {
        #expect(Router(handoff(fallback: true)).way(available()) == .spawn)
        #expect(Router(handoff(fallback: true)).way(available(registered: true)) == .handOff)
        #expect(Router(handoff(fallback: true)).way(available(kept: true)) == .handOff, "one is being started")
        #expect(Router(handoff(fallback: true)).way(available(kept: true, failed: true)) == .spawn)
        #expect(
            Router(handoff(fallback: true)).way(available(kept: true, registered: true, failed: true)) == .handOff)
    }
}
