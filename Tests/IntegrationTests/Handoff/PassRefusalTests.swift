import Glibc
import TestSupport
import Testing

/// PASS that is refused, and the connection that stays.
@Suite struct PassRefusalTests {
    @Test("PASS to a service that pass_to does not name is refused: passed", arguments: ["closed", "nowhere"])
    func notListed(_ service: String) throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: service, held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == "passed")
            try held.front.done(held.baton.id)
            try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    @Test("PASS to a service whose queue is full is refused: queue_full, counted there")
    func queueFull() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let waiting = try TestSocket.tcp(port: supervisor.port("back"))
            try supervisor.waitForService("back", "queued") { $0.connections.queued == 1 }
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: "back", held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == "queue_full")
            #expect(try supervisor.service("back").connections.refused["queue_full"] == 1)
            try held.front.done(held.baton.id)
            waiting.close()
            let back = try RegisteredHandler("back", at: supervisor)
            try back.done(back.receiveBaton().id)
            held.front.die()
            back.die()
        }
    }

    @Test("a connection is passed at most 8 times in its life")
    func eightTimes() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
            let back = try RegisteredHandler("back", at: supervisor)
            var (holder, baton, other, name) = (held.front, held.baton, back, "back")
            for _ in 1...8 {
                try holder.pass(baton.id, to: name, baton.socket)
                #expect(try holder.receivePassed(baton.id) == nil)
                baton = try other.receiveBaton()
                try other.acknowledge(baton.id)
                (holder, other) = (other, holder)
                name = name == "back" ? "front" : "back"
            }
            try holder.pass(baton.id, to: name, baton.socket)
            #expect(try holder.receivePassed(baton.id) == "passed")
            try holder.done(baton.id)
            held.front.die()
            back.die()
        }
    }

    @Test("only a connected stream or seqpacket socket is taken")
    func onlyConnections() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
            let listening = try TestSocket.bound()
            try listening.listen()
            let (datagram, _) = try TestSocket.pair(TestSocket.datagram)
            let file = TestSocket(adopting: open("/dev/null", O_RDONLY))
            for socket in [listening, datagram, file] {
                try held.front.pass(held.baton.id, to: "back", socket)
                #expect(try held.front.receivePassed(held.baton.id) == "passed")
            }
            try held.front.done(held.baton.id)
            try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    @Test(
        "regression: packets are not passed to what knows no borders between them", arguments: ["relay", "mux", "fork"])
    func packets(_ target: String) throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [relay, mux, fork]}}
              relay: {redirect: "127.0.0.1:9"}
              mux: {internal: tcpmux, listen: "127.0.0.1:0"}
              fork: {listen: "127.0.0.1:0", route: {rules: [{match: {prefix: x}, to: relay}]}}
            """
        try withSupervisor(table) { supervisor in
            let held = try HeldConnection(supervisor)
            let (ours, theirs) = try TestSocket.pair(TestSocket.packets)
            try held.front.pass(1 << 63, to: target, theirs)
            #expect(try held.front.receivePassed(1 << 63) == "passed")
            withExtendedLifetime(ours) {}
            held.front.die()
        }
    }

    @Test("regression: nor where they waited for a handler and a reload makes a relay of their service")
    func packetsAfterReload() throws {
        func table(_ back: String) -> String {
            """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [back]}}
              back: {\(back)}
            """
        }
        try withSupervisor(table("handoff: {heartbeat: false}")) { supervisor in
            let held = try HeldConnection(supervisor)
            let (ours, theirs) = try TestSocket.pair(TestSocket.packets)
            try held.front.pass(1 << 63, to: "back", theirs)
            #expect(try held.front.receivePassed(1 << 63) == nil)
            theirs.close()
            try supervisor.waitForService("back", "queued") { $0.connections.queued == 1 }
            try supervisor.reload(table("redirect: \"127.0.0.1:9\""))
            let service = try supervisor.waitForService("back", "refused") { $0.connections.queued == 0 }
            #expect(service.connections.refused["passed"] == 1)
            #expect(try ours.receiveToEnd().isEmpty)
            held.front.die()
        }
    }

    @Test("regression: a client's stated address stays with it where the table allows PASS only after its delivery")
    func statedAddress() throws {
        func table(_ more: String) -> String {
            """
            services:
              front: {listen: "127.0.0.1:0", proxy_protocol: {from: [127.0.0.1]}, handoff: {heartbeat: false\(more)}}
              back: {handoff: {heartbeat: false}, only_from: [192.0.2.0/24]}
            """
        }
        try withSupervisor(table("")) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let back = try RegisteredHandler("back", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            try client.send("PROXY TCP4 192.0.2.7 198.51.100.1 4242 80\r\n")
            let baton = try front.receiveBaton()
            try front.acknowledge(baton.id)
            try supervisor.reload(table(", pass_to: [back]"))
            try front.pass(baton.id, to: "back", baton.socket)
            #expect(try front.receivePassed(baton.id) == nil)
            let passed = try back.receiveBaton()
            #expect(passed.proxyHeader == baton.proxyHeader)
            try back.acknowledge(passed.id)
            try back.done(passed.id)
            try supervisor.waitForService("back", "ended") { $0.connections.ended == 1 }
            front.die()
            back.die()
        }
    }

    @Test(
        "what breaks the rules of PASS is a protocol error",
        arguments: ["not sent", "done", "twice", "no descriptor", "two descriptors"])
    func protocolErrors(_ fault: String) throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
            let socket = held.baton.socket
            switch fault {
            case "not sent": try held.front.pass(2, to: "closed", socket)
            case "done":
                try held.front.done(held.baton.id)
                try held.front.pass(held.baton.id, to: "closed", socket)
            case "twice":
                let back = try RegisteredHandler("back", at: supervisor)
                try held.front.pass(held.baton.id, to: "back", socket)
                try held.front.pass(held.baton.id, to: "back", socket)
                #expect(try held.front.receivePassed(held.baton.id) == nil)
                try back.done(back.receiveBaton().id)
                back.die()
            case "no descriptor": try held.front.send(.pass(held.baton.id, to: "closed"))
            default:
                try held.front.channel.send(
                    HandlerMessage.pass(held.baton.id, to: "back").packet, passing: socket.descriptor,
                    socket.descriptor)
            }
            #expect(try held.front.isHungUp())
            #expect(supervisor.log.text.contains("broke the protocol"))
            held.front.die()
            try supervisor.waitForService("front", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test("PASS with an empty name is refused where no other handler can come, and the connection stays")
    func nobodyElse() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: "", held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == "no_handler")
            try held.baton.socket.send("still mine")
            held.baton.socket.close()
            #expect(try held.client.receiveText() == "still mine")
            try held.front.done(held.baton.id)
            try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    @Test("another socket under the number of a BATON: the kernel's address counts, never the handler's word")
    func otherSocket() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [back]}}
              back: {handoff: {heartbeat: false}, no_access: [127.0.0.2]}
            """
        try withSupervisor(table) { supervisor in
            let held = try HeldConnection(supervisor)
            // A stranger's connection, from an address that back does not admit.
            let listener = try TestSocket.bound()
            try listener.listen()
            let stranger = try TestSocket.bound(host: "127.0.0.2")
            try stranger.connect(to: SocketName(host: "127.0.0.1", port: listener.localPort))
            let accepted = try listener.accept()
            try held.front.pass(held.baton.id, to: "back", accepted)
            #expect(try held.front.receivePassed(held.baton.id) == "source")
            try held.front.done(held.baton.id)
            held.front.die()
        }
    }
}
