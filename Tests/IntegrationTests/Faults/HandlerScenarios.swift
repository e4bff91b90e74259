import Foundation
import TestSupport

/// Persistent handlers.
extension FaultScenario {
    static let supervised = FaultScenario(
        name: "supervised handler",
        table: """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff:
                  exec: [/usr/bin/python3, -IS, FIXTURES/supervised.py, echo]
                  restart: {backoff: {first: 20ms, longest: 200ms}}
            """
    ) { try ask(handlerOf: "app", at: $0) }

    static let registered = registered("registered handler", over: .packets)
    static let registeredStream = registered("registered by stream", over: .stream)
    static let registeredDatagram = registered("registered by datagrams", over: .datagram)

    private static func registered(_ name: String, over transport: RegisteredHandler.Transport) -> FaultScenario {
        FaultScenario(
            name: name, table: "services: {app: {listen: '127.0.0.1:0', handoff: {heartbeat: false}}}"
        ) { supervisor in
            let handler = try RegisteredHandler.register("app", over: transport, at: supervisor)
            defer { handler.die() }
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try handler.receiveBaton()
            try serve(client, baton, handler)
        }
    }

    /// A handler gives its connection on, to another handler and to a program.
    static let pass = FaultScenario(name: "PASS", table: HeldConnection.table) { supervisor in
        let back = try RegisteredHandler("back", at: supervisor)
        defer { back.die() }
        let first = try HeldConnection(supervisor)
        defer { first.front.die() }
        try first.client.send("head;body")
        let head = try first.baton.socket.receive(exactly: 5)
        try first.front.pass(first.baton.id, to: "back", drained: head, first.baton.socket)
        try expect(first.front.receivePassed(first.baton.id) == nil)
        first.baton.socket.close()
        let next = try back.receiveBaton()
        try expect(next.drained == head && next.socket.receive(exactly: 4) == Array("body".utf8))
        try serve(first.client, next, back)

        let second = try TestSocket.tcp(port: supervisor.port("front"))
        let baton = try first.front.receiveBaton()
        try first.front.acknowledge(baton.id)
        try second.send("abc")
        let drained = try baton.socket.receive(exactly: 1)
        try first.front.pass(baton.id, to: "cat", drained: drained, baton.socket)
        try expect(first.front.receivePassed(baton.id) == nil)
        baton.socket.close()
        try expect(second.receive(exactly: 3) == Array("abc".utf8))
        try second.finishSending()
        try expect(second.receiveToEnd().isEmpty)
    }

    /// A program gives its own on, by `baton pass`.
    static let scriptPass = FaultScenario(
        name: "baton pass",
        table: """
            services:
              front:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "exec BATON pass --runtime-directory DIRECTORY/run app"]
              app: {handoff: {heartbeat: false}}
            """.replacing("BATON", with: Repository.product("baton"))
    ) { supervisor in
        let handler = try RegisteredHandler("app", at: supervisor)
        defer { handler.die() }
        let client = try TestSocket.tcp(port: supervisor.port("front"))
        // Its program may be refused, and ends.
        try expect(handler.channel.isReadable(before: client))
        let baton = try handler.receiveBaton()
        try serve(client, baton, handler)
    }

    private static func serve(_ client: TestSocket, _ baton: ReceivedBaton, _ handler: RegisteredHandler) throws {
        try handler.acknowledge(baton.id)
        try baton.socket.send("hello")
        try expect(client.receive(exactly: 5) == Array("hello".utf8))
        try baton.socket.shutDown()
        baton.socket.close()
        try handler.done(baton.id)
        try expect(client.receiveToEnd().isEmpty)
    }

    static func ask(handlerOf service: String, at supervisor: RunningSupervisor) throws {
        let client = try TestSocket.tcp(port: supervisor.port(service))
        try client.send("hello\n")
        try expect(client.receiveText().hasSuffix(" hello\n"))
    }
}
