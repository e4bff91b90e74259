import Foundation
import TestSupport
import Testing

/// `events` of the control socket.
@Suite struct EventsTests {
    private static let table = """
        services:
          cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
          echo: {listen: "127.0.0.1:0", internal: echo}
          closed: {listen: "127.0.0.1:0", internal: echo, no_access: [127.0.0.0/8]}
        """

    private func names(_ events: [EventStream.Event]) -> [String] { events.compactMap { $0["event"] as? String } }

    @Test("a connection is followed by its id from accept to end, with the contract's fields")
    func following() throws {
        try withSupervisor(Self.table) { supervisor in
            let stream = try EventStream(supervisor, ["follow": true, "services": ["cat"]])
            #expect((stream.reply["result"] as? [String: Any])?["follow"] as? Bool == true)
            #expect(stream.reply["id"] as? Int == 1)
            let client = try TestSocket.tcp(port: try supervisor.port("cat"))
            let peer = try "127.0.0.1:\(client.localPort)"
            let accepted = try stream.next("accepted")
            #expect(accepted["peer"] as? String == peer)
            #expect(accepted["service"] as? String == "cat")
            let connection = try #require(accepted["connection"] as? String)
            let spawned = try stream.next("spawned")
            let pid = try supervisor.onlyHandler().pid
            #expect(spawned["pid"] as? Int == Int(pid))
            client.close()
            let exited = try stream.next("exited")
            #expect(exited["connection"] as? String == connection)
            #expect(exited["peer"] as? String == peer)
            #expect(exited["pid"] as? Int == Int(pid))
            #expect(exited["status"] as? Int == 0)
            #expect(try #require(exited["duration_seconds"] as? Double) > 0)
            #expect(exited["level"] as? String == "info")
            #expect(try #require(exited["time"] as? String).hasSuffix("Z"))
            #expect(exited["reason"] == nil, "what does not apply is absent")
            let sentence = try #require(exited["message"] as? String)
            try supervisor.log.wait(for: "cat: \(sentence) (connection \(connection) from \(peer))")
            try stream.finish()
        }
    }

    @Test("what happened before is kept, chosen by service, kind, level and number, and has an end")
    func past() throws {
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("closed")
            #expect(try TestSocket.tcp(port: port).receiveToEnd().isEmpty)
            for _ in 0..<3 {
                let client = try TestSocket.tcp(port: try supervisor.port("echo"))
                try client.finishSending()
                #expect(try client.receiveToEnd().isEmpty)
            }
            try supervisor.waitForService("echo", "ended") { $0.connections.ended == 3 }
            let all = try EventStream(supervisor).past()
            #expect(names(all).first == "starting")
            #expect(names(all).count { $0 == "ended" } == 3)
            let refused = try EventStream(supervisor, ["events": ["refused", "cut"]]).past()
            #expect(names(refused) == ["refused"])
            #expect(refused[0]["reason"] as? String == "source")
            #expect(
                try names(EventStream(supervisor, ["services": ["echo"], "recent": 2]).past()) == ["accepted", "ended"])
            let notable = try EventStream(supervisor, ["level": "notice"]).past()
            #expect(names(notable) == ["starting", "ready", "refused"])
            #expect(try EventStream(supervisor, ["recent": 0]).past().isEmpty)
        }
    }

    @Test("recent ones come first, then what happens from now on, each once")
    func recentThenLive() throws {
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("echo")
            for _ in 0..<2 { try TestSocket.tcp(port: port).finishSending() }
            try supervisor.waitForService("echo", "ended") { $0.connections.ended == 2 }
            let stream = try EventStream(supervisor, ["follow": true, "recent": 1, "events": ["ended"]])
            #expect(try stream.next()["connection"] as? String == "2")
            try TestSocket.tcp(port: port).finishSending()
            #expect(try stream.next()["connection"] as? String == "3")
            try stream.finish()
        }
    }

    @Test("names that there are not are refused, and the connection goes on")
    func unknown() throws {
        try withSupervisor(Self.table) { supervisor in
            let control = try supervisor.control()
            func code(_ params: [String: Any]) throws -> String? {
                (try control.request("events", params: params)["error"] as? [String: Any])?["code"] as? String
            }
            #expect(try code(["services": ["nobody"]]) == "no_such_service")
            #expect(try code(["events": ["dance"]]) == "bad_request")
            #expect(try code(["level": "loud"]) == "bad_request")
            #expect(try code(["since": "now"]) == "bad_request")
            _ = try control.result("status")
        }
    }

    @Test("a service that is busy does not push out what mattered before")
    func notable() throws {
        let table = Self.table + "\n  busy: {listen: \"127.0.0.1:0\", internal: discard, per_source: unlimited}"
        try withSupervisor(table) { supervisor in
            #expect(try TestSocket.tcp(port: try supervisor.port("closed")).receiveToEnd().isEmpty)
            let port = try supervisor.port("busy")
            for _ in 0..<600 { try TestSocket.tcp(port: port).close() }
            try supervisor.waitForService("busy", "ended") { $0.connections.ended == 600 }
            let events = try EventStream(supervisor).past()
            #expect(names(events).contains("refused"))
            #expect(names(events).contains("starting"))
            #expect(!names(events).contains("listening"), "of the others the last thousand are kept")
            #expect(events.count <= 1030)
        }
    }

    @Test("the end of the supervisor is the last that a follower hears of it")
    func end() throws {
        let supervisor = try RunningSupervisor(Self.table)
        let stream = try EventStream(supervisor, ["follow": true])
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        try stream.next("stopping")
        try stream.next("stopped")
        #expect(throws: TestFailure.self) { try stream.next() }
        try supervisor.expectEnd(of: family)
    }
}
