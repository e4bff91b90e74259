import Foundation
import TestSupport
import Testing

/// Each connection has one line at info or above: that of its end.
@Suite struct AuditTests {
    private func table(_ target: UInt16) -> String {
        """
        log: {level: info}
        services:
          exec: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, "exit 3"]}
          inside: {listen: "127.0.0.1:0", internal: echo}
          relay: {listen: "127.0.0.1:0", redirect: "127.0.0.1:\(target)"}
          closed: {listen: "127.0.0.1:0", internal: echo, no_access: [127.0.0.0/8]}
          front: {listen: "127.0.0.1:0", route: {rules: [{match: {prefix: "in"}, to: behind}]}}
          behind: {internal: echo}
          app: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
          quiet: {listen: "127.0.0.1:0", internal: echo, log_on: [refuse]}
        """
    }

    /// The lines of a client's connection, without their time.
    private func lines(_ supervisor: RunningSupervisor, of client: TestSocket) throws -> [String] {
        let peer = try "from 127.0.0.1:\(client.localPort))"
        _ = try supervisor.log.waitForLine(peer) { $0.hasSuffix(peer) }
        return supervisor.log.lines.filter { $0.hasSuffix(peer) }.map { String($0.dropFirst(25)) }
    }

    /// A client from a port that no other one has had: by it the lines are told apart.
    private func connect(_ supervisor: RunningSupervisor, _ service: String) throws -> TestSocket {
        let client = try TestSocket(family: AF_INET, type: TestSocket.stream)
        try client.bind(to: SocketName(host: "127.0.0.1", port: QuietPort.next()))
        try client.connect(to: SocketName(host: "127.0.0.1", port: supervisor.port(service)))
        return client
    }

    /// Sends `text`, and reads to the end.
    private func visit(_ supervisor: RunningSupervisor, _ service: String, _ text: String = "") throws -> TestSocket {
        let client = try connect(supervisor, service)
        if !text.isEmpty { try? client.send(text) }
        // Whoever is refused may be gone by now.
        try? client.finishSending()
        _ = try? client.receiveToEnd()
        return client
    }

    @Test("what Baton serves or starts itself, relays, routes or refuses has one line, with what became of it")
    func ways() throws {
        let target = try TestSocket.bound()
        try target.listen()
        try withSupervisor(table(target.localPort)) { supervisor in
            func expect(_ service: String, _ client: TestSocket, _ pattern: String) throws {
                let lines = try lines(supervisor, of: client)
                #expect(lines.count == 1, "\(lines)")
                #expect(lines[0].range(of: "^" + pattern, options: .regularExpression) != nil, "\(lines)")
            }
            let exec = try visit(supervisor, "exec")
            try expect("exec", exec, #"notice  exec: pid \d+ exited with status 3 after \d+ms \(connection \d+ from"#)
            let inside = try visit(supervisor, "inside", "hi")
            try expect("inside", inside, #"info    inside: ended after \d+ms, 2 bytes from the client, 2 to it \("#)
            let relayed = try connect(supervisor, "relay")
            try relayed.finishSending()
            let far = try target.accept()
            far.close()
            #expect(try relayed.receiveToEnd().isEmpty)
            try expect("relay", relayed, #"info    relay: ended after"#)
            let closed = try visit(supervisor, "closed")
            try expect("closed", closed, #"notice  closed: refused: its source is not admitted \("#)
            let routed = try visit(supervisor, "front", "in and out")
            try expect("front", routed, #"info    behind: ended after \d+ms, 10 bytes from the client, 10 to it \("#)
            let lost = try visit(supervisor, "front", "elsewhere")
            try expect("front", lost, #"notice  front: refused: no route matches"#)
            _ = try visit(supervisor, "quiet", "hi")
            try supervisor.waitForService("quiet", "ended") { $0.connections.ended == 1 }
            #expect(!supervisor.log.lines.contains { $0.contains(" quiet: ended") }, "log_on has the last word")
        }
    }

    @Test("a connection that was handed off has one line, with its handler; one that was cut says why")
    func handoff() throws {
        try withSupervisor(table(1)) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let first = try connect(supervisor, "app")
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            try handler.done(baton.id)
            let pid = getpid()
            let ended = try lines(supervisor, of: first)
            #expect(ended.count == 1)
            #expect(
                ended[0].range(
                    of:
                        "^info    app: ended after [0-9]+ms, served by handler 1, pid \(pid) \\(connection \(baton.connection) ",
                    options: .regularExpression) != nil, "\(ended)")
            let second = try connect(supervisor, "app")
            let taken = try handler.receiveBaton()
            try handler.acknowledge(taken.id)
            try supervisor.waitForService("app", "taken") { $0.connections.active == 1 }
            taken.socket.close()
            handler.die()
            let cut = try lines(supervisor, of: second)
            #expect(cut.count == 1)
            #expect(
                cut[0].contains("its handler died; it was with handler 1, pid \(pid) (connection \(taken.connection) "))
            let events = try EventStream(supervisor, ["events": ["ended", "cut"], "services": ["app"]]).past()
            #expect(events.map { $0["handler"] as? String } == ["1", "1"])
            #expect(events.map { $0["pid"] as? Int } == [Int(pid), Int(pid)])
            #expect(events.allSatisfy { $0["duration_seconds"] is Double })
        }
    }
}
