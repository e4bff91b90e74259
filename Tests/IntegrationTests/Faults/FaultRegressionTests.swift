import Foundation
import TestSupport
import Testing

/// What was found by failing system calls.
@Suite(.enabled(if: geteuid() == 0)) struct FaultRegressionTests {
    private func withFaults(
        _ table: String, in directory: TemporaryDirectory? = nil,
        _ scenario: (RunningSupervisor, FaultInjector) throws -> Void
    ) throws {
        let injector = try FaultInjector()
        let supervisor = try RunningSupervisor(
            table, in: directory, environment: injector.environment(), program: FaultInjector.program)
        try scenario(supervisor, injector)
        _ = injector.disarm()
        for service in try supervisor.status().services {
            #expect(service.connections.lost == 0 && service.connections.isBalanced)
        }
        try supervisor.stop()
    }

    private func lasting(_ name: String, _ error: Int32, in role: ProcessRole = .supervisor) throws -> SystemCallFault {
        SystemCallFault(role, try .named(name), occurrence: 1, error: error, lasts: true)
    }

    private func once(_ name: String, _ error: Int32, in role: ProcessRole = .supervisor) throws -> SystemCallFault {
        SystemCallFault(role, try .named(name), occurrence: 1, error: error)
    }

    private static let echo = "services: {echo: {listen: '127.0.0.1:0', internal: echo}}"

    @Test(
        "a shortage of memory met at control.sock or a registration socket is waited out, not spun on",
        arguments: ["control.sock", "register.sock", "register.stream.sock"], [ENOMEM, ENOBUFS])
    func shortageAtOwnSockets(name: String, error: Int32) throws {
        try withFaults(Self.echo) { supervisor, injector in
            injector.arm(try lasting("accept4", error))
            let type = name == "register.sock" ? TestSocket.packets : TestSocket.stream
            let client = try TestSocket.unix(supervisor.runtimeDirectory + "/" + name, type: type)
            idleInterval(seconds: 0.2)
            #expect((1...2).contains(injector.disarm()))
            client.close()
            #expect(try supervisor.service("echo").connections.accepted == 0)
        }
    }

    @Test("a control client that was said to be readable and is not is read later")
    func spuriousReadiness() throws {
        try withFaults(Self.echo) { supervisor, injector in
            injector.arm(try once("recvmsg", EAGAIN))
            #expect(try supervisor.status().services.count == 1)
            #expect(injector.disarm() == 1)
        }
    }

    @Test("a handler that cannot be sent to for no known reason is tried again")
    func refusedBaton() throws {
        try withFaults("services: {app: {listen: '127.0.0.1:0', handoff: {heartbeat: false}}}") {
            supervisor, injector in
            let handler = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            injector.arm(try once("sendmsg", EPERM))
            let client = try TestSocket.tcp(port: port)
            let baton = try handler.receiveBaton()
            #expect(injector.disarm() == 1)
            try handler.acknowledge(baton.id)
            try baton.socket.send("served")
            #expect(try client.receive(exactly: 6) == Array("served".utf8))
            try handler.done(baton.id)
            baton.socket.close()
            try supervisor.waitForService("app", "over") { $0.connections.active == 0 }
        }
    }

    @Test("a relay that finds no memory to move bytes with ends, and its client is told")
    func shortageInRelay() throws {
        let port = try QuietPort.next()
        let table = """
            services:
              relay: {listen: "127.0.0.1:0", redirect: "127.0.0.1:\(port)"}
              target: {listen: "127.0.0.1:\(port)", internal: echo}
            """
        try withFaults(table) { supervisor, injector in
            let relay = try supervisor.port("relay")
            for occurrence in 1...4 {
                let splice = try FallibleCall.named("splice")
                injector.arm(SystemCallFault(.supervisor, splice, occurrence: occurrence, error: ENOMEM))
                let client = try TestSocket.tcp(port: relay)
                // It may be over before that.
                try? client.send("hello")
                try supervisor.waitForService("relay", "over") { $0.connections.ended == occurrence }
                #expect(injector.disarm() == 1)
                client.close()
            }
        }
    }

    @Test("a wait service whose handler cannot be started for want of memory waits, and eats no datagram")
    func shortageAtWait() throws {
        let table = """
            services:
              one:
                listen: "udp://127.0.0.1:0"
                wait: true
                exec: [/usr/bin/python3, -ISc, "import socket; s = socket.socket(fileno=0); s.sendto(*s.recvfrom(100))"]
            """
        try withFaults(table) { supervisor, injector in
            let client = try TestSocket.udp(port: supervisor.port("one"))
            injector.arm(try lasting("clone", ENOMEM, in: .supervisor))
            try client.send("hello")
            idleInterval(seconds: 0.2)
            #expect(injector.disarm() == 1)
            #expect(try client.receive() == Array("hello".utf8))
            try supervisor.waitForService("one", "watched again") { $0.listeners[0].state == "listening" }
        }
    }

    @Test("a directory of included tables that cannot be read for the moment takes no service away")
    func unreadableInclude() throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "conf.d/more.yaml", "services: {more: {listen: '127.0.0.1:0', internal: echo}}", mode: 0o644)
        let table = "include: ['\(directory.path)/conf.d/*.yaml']\n" + Self.echo
        try withFaults(table, in: directory) { supervisor, injector in
            injector.arm(nil)
            _ = try supervisor.control().result("reload")
            let count = injector.counts[.loader]?[try .named("openat")] ?? 0
            var refusals = 0
            for occurrence in 1...count {
                injector.arm(SystemCallFault(.loader, try .named("openat"), occurrence: occurrence, error: ENFILE))
                let reply = try supervisor.control().request("reload")
                if reply["error"] != nil { refusals += 1 }
                #expect(try supervisor.status().services.map(\.name) == ["echo", "more"], "\(occurrence): \(reply)")
            }
            // The table, the directory and what is in it; the C library asks for huge pages, and does without.
            #expect(refusals >= 3)
        }
    }
}
