import Testing

@testable import ControlProtocol

@Suite("Events")
struct EventTests {
    static let time = Timestamp(seconds: 1_795_477_201, nanoseconds: 123_999_999)

    @Test("an event reads well in the log")
    func text() {
        let spawned = Event(
            time: Self.time, service: "web", connection: 7, peer: "127.0.0.1:5555", .process(.spawned(pid: 123)))
        #expect(
            spawned.text
                == "2026-11-23T23:40:01.123Z debug   web: spawned pid 123 (connection 7 from 127.0.0.1:5555)")
        let exited = Event(
            time: Self.time, service: "web", connection: 7,
            .process(.exited(pid: 123, .signal(name: "SEGV", coreDumped: true), duration: .milliseconds(1250))))
        #expect(
            exited.text
                == "2026-11-23T23:40:01.123Z warning web: pid 123 was ended by signal SEGV (core dumped) after 1.2s (connection 7)"
        )
        let ready = Event(
            time: Self.time, .supervisor(.ready(services: 1, listening: 2, retrying: 1, after: .milliseconds(12))))
        #expect(
            ready.text
                == "2026-11-23T23:40:01.123Z notice  baton: ready after 12ms: 1 service, 2 listeners, 1 listener not bound yet"
        )
    }

    @Test("who asks for a change is told, and a dry run is not taken for one")
    func requests() {
        func event(_ method: ControlRequest.Method) -> String {
            Event(time: Self.time, .control(.requested(method, uid: 7, pid: 8))).text
        }
        let time = "2026-11-23T23:40:01.123Z"
        #expect(event(.reload(dryRun: false)) == "\(time) notice  baton: reload asked for by uid 7, pid 8")
        #expect(event(.reload(dryRun: true)) == "\(time) debug   baton: reload --dry-run asked for by uid 7, pid 8")
        #expect(event(.pause(services: ["a", "b"])) == "\(time) notice  baton: pause a b asked for by uid 7, pid 8")
    }

    @Test("the JSON form has the contract's members first, and none that do not apply")
    func json() {
        let exited = Event(
            time: Self.time, service: "web", connection: 7, peer: "[::1]:9",
            .process(.exited(pid: 123, .status(2), duration: .milliseconds(1250))))
        #expect(
            exited.json.text
                == #"{"time":"2026-11-23T23:40:01.123Z","event":"exited","service":"web","connection":"7","peer":"[::1]:9","#
                + #""pid":123,"status":2,"duration_seconds":1.25,"level":"notice","message":"pid 123 exited with status 2 after 1.2s"}"#
        )
        let refused = Event(time: Self.time, service: "web", .connection(.refused(.queueTimeout)))
        #expect(refused.json.object?["reason"] == "queue_timeout")
        #expect(refused.json.object?["connection"] == nil)
    }

    @Test("text from outside neither breaks the line nor drives the terminal, and is cut")
    func hostile() {
        let hostile = "a\n\u{1b}[2J\u{9b}\\\u{202e}" + String(repeating: "é", count: 1000)
        let events: [Event.Kind] = [
            .process(.standardError(pid: 1, line: hostile)), .process(.spawnFailed(stage: hostile, error: hostile)),
            .handler(.protocolError(id: nil, pid: 1, message: hostile)),
            .connection(.nacked(handler: hostile, why: hostile)),
            .supervisor(.stopping(why: hostile)), .listener(.retrying(address: hostile, error: hostile, delay: .zero)),
            .service(.failed(why: hostile, retry: nil)), .service(.notReplaced(why: hostile)),
            .service(.changed(keys: [hostile], handlers: .rolling)), .supervisor(.reloadNote(hostile)),
            .supervisor(.reloadFailed(why: hostile)),
            .control(.refused(ControlError(.badRequest, hostile), uid: 0, pid: 1)),
        ]
        for kind in events {
            let event = Event(time: Self.time, service: hostile, peer: hostile, kind)
            #expect(!event.text.unicodeScalars.contains { $0.isDisruptive })
            #expect(event.text.utf8.count < 2048)
            #expect(!event.json.text.unicodeScalars.contains { $0.isDisruptive })
        }
        #expect("a\n\u{1b}\\é".printable() == #"a\n\x1b\\é"#)
        #expect("\u{9b}".printable() == #"\u{009b}"#)
        #expect("aéb".printable(limit: 2) == "a…")
        #expect("aéb".printable(limit: 4) == "aéb")
    }

    @Test("a connection has one line at info, that of its end; a wait handler one for its start as well")
    func levels() {
        let pid = 1
        #expect(ProcessEvent.spawned(pid: pid).level == .debug)
        #expect(ProcessEvent.spawned(pid: pid, listener: "a").level == .info)
        #expect(ConnectionEvent.ended(duration: .zero).level == .info)
        #expect(ConnectionEvent.routed(to: "b").level == .debug, "it ends there")
        #expect(ProcessEvent.exited(pid: pid, .status(0), duration: .zero).level == .info)
        #expect(ProcessEvent.exited(pid: pid, .status(1), duration: .zero).level == .notice)
        #expect(
            ProcessEvent.exited(pid: pid, .signal(name: "PIPE", coreDumped: false), duration: .zero).level == .notice)
        #expect(
            ProcessEvent.exited(pid: pid, .signal(name: "ABRT", coreDumped: false), duration: .zero).level == .warning)
        #expect(ConnectionEvent.accepted(listener: "a").level == .debug)
        #expect(ConnectionEvent.handedOff(handler: "1", pid: pid, again: false).level == .debug)
        #expect(EventLevel.allCases == EventLevel.allCases.sorted())
    }
}
