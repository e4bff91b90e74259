import Glibc
import TestSupport
import Testing

/// Rules of handoff.md about channels and those who hold them.
@Suite struct ChannelRuleTests {
    private static let table = """
        services:
          app: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
          other: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
        """

    @Test("64 handlers may be registered for a service, and the next is rejected")
    func mostRegistered() throws {
        try withSupervisor(Self.table) { supervisor in
            let handlers = try (0..<64).map { _ in try RegisteredHandler("app", at: supervisor) }
            let next = try RegisteredHandler(connectedTo: supervisor.runtimeDirectory + "/register.sock")
            try next.register("app")
            let answer = try next.receive().message
            #expect(answer.kind == .reject && answer.text.contains("64"))
            let elsewhere = try RegisteredHandler("other", at: supervisor)
            (handlers + [elsewhere]).forEach { $0.die() }
            try supervisor.waitForService("app", "empty") { $0.handlers.isEmpty }
        }
    }

    @Test("WELCOME tells version 1 and the heartbeat interval in milliseconds, 0 for none")
    func welcome() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: {interval: 1500ms, timeout: 10s}}}
              quiet: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
            """
        try withSupervisor(table) { supervisor in
            let app = try RegisteredHandler("app", at: supervisor)
            let quiet = try RegisteredHandler("quiet", at: supervisor)
            #expect(app.heartbeat == 1500 && quiet.heartbeat == 0)
            app.die()
            quiet.die()
        }
    }

    @Test("a channel has a send buffer of at least 256 KiB on both sides")
    func sendBuffer() throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {exec: [/usr/bin/python3, -c, "\(Self.tellBuffer)"], start: eager, heartbeat: false}
            """
        try withSupervisor(table) { supervisor in
            let line = try supervisor.log.wait(for: "app", "buffer of")
            // The kernel doubles what is asked for.
            let size = Int(line.split(separator: " ").last ?? "") ?? 0
            #expect(size >= 256 * 1024, "\(line)")
        }
    }

    private static let tellBuffer = """
        import os, socket, sys, time; \
        c = socket.socket(fileno=int(os.environ['BATON_CHANNEL'])); \
        print('buffer of', c.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), file=sys.stderr); \
        c.recv(1)
        """

    @Test("the end of its messages before the end of the channel, and an empty message, are protocol errors")
    func endOfMessages() throws {
        try withSupervisor(Self.table) { supervisor in
            for transport in [RegisteredHandler.Transport.packets, .stream] {
                let handler = try RegisteredHandler.register("app", over: transport, at: supervisor)
                try handler.channel.finishSending()
                try supervisor.waitForService("app", "leaving") { $0.handlers.first?.state != "ready" }
                handler.die()
                try supervisor.waitForService("app", "empty") { $0.handlers.isEmpty }
            }
            let empty = try RegisteredHandler("app", at: supervisor)
            try empty.channel.send([])
            #expect(try empty.isHungUp())
            empty.die()
            #expect(supervisor.log.text.components(separatedBy: "broke the protocol").count == 4)
        }
    }

    /// It counted as gone, and what it had not acknowledged was served twice.
    @Test(
        "regression: a handler that has ended its sending half holds its connections until it closes the channel",
        arguments: [RegisteredHandler.Transport.packets, .stream])
    func halfClosed(transport: RegisteredHandler.Transport) throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler.register("app", over: transport, at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try handler.receiveBaton()
            try handler.channel.finishSending()
            try supervisor.waitForService("app", "leaving") { $0.handlers.first?.state != "ready" }
            let next = try RegisteredHandler("app", at: supervisor)
            #expect(!next.channel.isReadable(within: 0.2), "the connection is the first one's")
            baton.socket.close()
            handler.die()
            let again = try next.receiveBaton()
            #expect(again.connection == baton.connection && again.isRedelivery)
            try next.done(again.id)
            client.close()
            next.die()
        }
    }

    @Test("anything before REGISTER is rejected", arguments: [HandlerMessage.Kind.ack, .pong, .drain, .status])
    func beforeRegister(_ kind: HandlerMessage.Kind) throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler(connectedTo: supervisor.runtimeDirectory + "/register.sock")
            try handler.send(HandlerMessage(kind, id: kind == .ack || kind == .pong ? 1 : 0))
            #expect(try handler.receive().message.kind == .reject)
            #expect(try handler.isHungUp())
        }
    }

    @Test("text from outside is cut at 256 bytes and its control characters escaped where it becomes an event")
    func textOfEvents() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try handler.receiveBaton()
            baton.socket.close()
            try handler.refuse(baton.id, reason: "\u{1b}[31m" + String(repeating: "x", count: 1000))
            let line = try supervisor.log.wait(for: "could not take it")
            #expect(!line.contains("\u{1b}") && line.utf8.count < 500)
            #expect(line.contains("xxxx"))
            handler.die()
            let next = try RegisteredHandler("app", at: supervisor)
            try next.done(next.receiveBaton().id)
            client.close()
            next.die()
        }
    }

    @Test(
        "a registered handler that hangs is killed where the table says unresponsive: kill, by the kernel's word on it")
    func killRegistered() throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {heartbeat: {interval: 50ms, timeout: 300ms}, unresponsive: kill}
            """
        try withSupervisor(table) { supervisor in
            let null = open("/dev/null", O_RDWR | O_CLOEXEC)
            defer { close(null) }
            let hung = try TestProcess(
                Repository.product("baton-task-handler"), ["app"],
                environment: ["BATON_RUNTIME_DIRECTORY": supervisor.runtimeDirectory],
                descriptors: [null, null, null])
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.status == "tasks" }
            try ProcessView(pid: hung.pid).stop()
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            #expect(try hung.wait() == .signaled(SIGKILL))
            let next = try RegisteredHandler("app", at: supervisor)
            let baton = try next.receiveBaton()
            #expect(baton.isRedelivery)
            try next.done(baton.id)
            client.close()
            next.die()
        }
    }
}
