import Foundation
import Glibc
import TestSupport
import Testing

/// Who gets in, reason by reason, through the real program.
@Suite struct RefusalTests {
    private func echo(_ keys: String) -> String {
        "services:\n  echo: {listen: \"127.0.0.1:0\", internal: echo, \(keys)}"
    }

    /// Serves nobody for `reason`, and counts it; the client sees an end without a word.
    private func expectRefused(
        _ reason: String, times: Int = 1, _ supervisor: RunningSupervisor, service: String = "echo"
    ) throws {
        let service = try supervisor.waitForService(service, "refused") {
            $0.connections.refused.values.reduce(0, +) >= times
        }
        #expect(service.connections.refused == [reason: times])
    }

    @Test("only_from and no_access: the most exact match decides")
    func source() throws {
        let keys = "only_from: [127.0.0.0/16, 127.1.0.5], no_access: [127.0.0.0/24, 127.1.0.5], instances: 4"
        try withSupervisor(echo(keys + ", on_source_limit: refuse")) { supervisor in
            let port = try supervisor.port("echo")
            #expect(try TestSocket.tcp(port: port, from: "127.0.1.1").isServed())
            for unwanted in ["127.0.0.1", "127.1.0.5", "127.9.9.9"] {
                #expect(try TestSocket.tcp(port: port, from: unwanted).end() == .closed, "\(unwanted)")
            }
            try expectRefused("source", times: 3, supervisor)
            try supervisor.log.wait(for: "127.9.9.9", "source is not admitted")
        }
    }

    @Test("only_from: [] admits nobody")
    func nobody() throws {
        try withSupervisor(echo("only_from: []")) { supervisor in
            #expect(try TestSocket.tcp(port: supervisor.port("echo")).end() == .closed)
            try expectRefused("source", supervisor)
        }
    }

    @Test("an IPv4 client of a dual-stack socket counts as IPv4")
    func mapped() throws {
        let table = """
            services:
              echo: {listen: 0, internal: echo, only_from: [127.0.0.2]}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("echo")
            #expect(try TestSocket.tcp(port: port, from: "127.0.0.2").isServed())
            #expect(try TestSocket.tcp(port: port, from: "127.0.0.3").end() == .closed)
            #expect(try TestSocket.tcp(port: port, host: "::1").end() == .closed)
            try expectRefused("source", times: 2, supervisor)
        }
    }

    @Test("access_times: outside of them nobody is served, inside everybody")
    func time() throws {
        func span(from: Int, to: Int) -> String {
            [from, to].map { minute in
                let time = (minute % 1440 + 1440) % 1440
                return String(format: "%02d:%02d", time / 60, time % 60)
            }.joined(separator: "-")
        }
        var seconds = Glibc.time(nil)
        var now = tm()
        localtime_r(&seconds, &now)
        let minute = Int(now.tm_hour * 60 + now.tm_min)
        let table = """
            services:
              open: {listen: "127.0.0.1:0", internal: echo, access_times: "\(span(from: minute - 60, to: minute + 60))"}
              shut: {listen: "127.0.0.1:0", internal: echo, access_times: ["\(span(from: minute + 60, to: minute + 120))"]}
              wait: {listen: "127.0.0.1:0", exec: [/bin/cat], wait: true, access_times: "\(span(from: minute + 60, to: minute + 120))"}
            """
        try withSupervisor(table) { supervisor in
            #expect(try TestSocket.tcp(port: supervisor.port("open")).isServed())
            #expect(try TestSocket.tcp(port: supervisor.port("shut")).end() == .closed)
            try expectRefused("time", supervisor, service: "shut")
            // Its handler would accept whoever comes: they stay in the backlog.
            let client = try TestSocket.tcp(port: supervisor.port("wait"))
            let wait = try supervisor.waitForService("wait", "paused") { $0.listeners[0].state == "paused" }
            #expect(wait.connections.spawned == 0)
            client.close()
        }
    }

    @Test("max_load: above it nobody is served")
    func load() throws {
        var averages = [0.0]
        guard getloadavg(&averages, 1) == 1, averages[0] > 0.02 else { return }
        let table = """
            services:
              busy: {listen: "127.0.0.1:0", internal: echo, max_load: 0.001}
              calm: {listen: "127.0.0.1:0", internal: echo, max_load: 100000}
            """
        try withSupervisor(table) { supervisor in
            #expect(try TestSocket.tcp(port: supervisor.port("calm")).isServed())
            #expect(try TestSocket.tcp(port: supervisor.port("busy")).end() == .closed)
            try expectRefused("load", supervisor, service: "busy")
        }
    }

    @Test("instances with on_limit: refuse closes, reset resets, wait leaves the client in the backlog")
    func instances() throws {
        let table = """
            services:
              refuses: {listen: "127.0.0.1:0", exec: [/bin/cat], instances: 1, on_limit: refuse}
              resets: {listen: "127.0.0.1:0", internal: echo, instances: 1, on_limit: reset}
              waits: {listen: "127.0.0.1:0", internal: echo, instances: 1}
            """
        try withSupervisor(table) { supervisor in
            for (name, end) in [("refuses", TestSocket.End.closed), ("resets", .reset)] {
                let port = try supervisor.port(name)
                let first = try TestSocket.tcp(port: port)
                #expect(try first.isServed())
                #expect(try supervisor.service(name).state == "limited")
                #expect(try TestSocket.tcp(port: port).end() == end)
                try expectRefused("instances", supervisor, service: name)
                first.close()
                try supervisor.waitForService(name, "free") { $0.connections.active == 0 && $0.state != "limited" }
                #expect(try TestSocket.tcp(port: port).isServed())
            }
            let port = try supervisor.port("waits")
            let first = try TestSocket.tcp(port: port)
            #expect(try first.isServed())
            let second = try TestSocket.tcp(port: port)
            try second.send("patience")
            try supervisor.waitForService("waits", "limited") { $0.state == "limited" }
            #expect(try supervisor.service("waits").connections.accepted == 1)
            first.close()
            #expect(try second.receive() == Array("patience".utf8))
        }
    }

    @Test("rate: refuse, or wait, and then nobody is lost and nothing spins")
    func rate() throws {
        let table = """
            services:
              refuses: {listen: "127.0.0.1:0", internal: daytime, rate: {rate: 1/h, burst: 3}, on_rate: refuse}
              waits: {listen: "127.0.0.1:0", internal: daytime, rate: {rate: 20/s, burst: 2}}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("refuses")
            let ends = try (0..<5).map { _ in try TestSocket.tcp(port: port).end() }
            #expect(ends == [.spoke, .spoke, .spoke, .closed, .closed])
            try expectRefused("rate", times: 2, supervisor, service: "refuses")

            let slow = try supervisor.port("waits")
            let before = try #require(supervisor.view.processorSeconds)
            let clients = try (0..<12).map { _ in try TestSocket.tcp(port: slow) }
            try supervisor.waitForService("waits", "limited") { $0.state == "limited" }
            #expect(try clients.allSatisfy { try $0.end() == .spoke })
            #expect(try supervisor.service("waits").connections.refused.isEmpty)
            #expect(try #require(supervisor.view.processorSeconds) - before < 0.4)
        }
    }

    @Test("rate_per_source limits one source and nobody else; a refusal takes no token of the service's rate")
    func ratePerSource() throws {
        let keys = "rate_per_source: {rate: 1/h, burst: 2}, rate: {rate: 1/h, burst: 5}, on_rate: refuse"
        try withSupervisor(echo(keys)) { supervisor in
            let port = try supervisor.port("echo")
            for _ in 0..<2 { #expect(try TestSocket.tcp(port: port, from: "127.0.0.7").isServed()) }
            for _ in 0..<10 { #expect(try TestSocket.tcp(port: port, from: "127.0.0.7").end() == .closed) }
            try expectRefused("rate_per_source", times: 10, supervisor)
            for number in 1...3 { #expect(try TestSocket.tcp(port: port, from: "127.0.1.\(number)").isServed()) }
            #expect(try TestSocket.tcp(port: port, from: "127.0.1.9").end() == .closed)
            let refused = try supervisor.service("echo").connections.refused
            #expect(refused == ["rate_per_source": 10, "rate": 1])
        }
    }

    @Test("limits.instances: over all services; those that wait get their turn when another one's ends")
    func global() throws {
        let table = """
            limits: {instances: 2}
            services:
              one: {listen: "127.0.0.1:0", internal: echo}
              two: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              three: {listen: "127.0.0.1:0", internal: echo, on_limit: refuse}
            """
        try withSupervisor(table) { supervisor in
            let first = try TestSocket.tcp(port: supervisor.port("one"))
            let second = try TestSocket.tcp(port: supervisor.port("two"))
            #expect(try first.isServed())
            #expect(try second.isServed())
            #expect(try TestSocket.tcp(port: supervisor.port("three")).end() == .closed)
            try expectRefused("global", supervisor, service: "three")
            let waiting = try TestSocket.tcp(port: supervisor.port("one"))
            try waiting.send("later")
            try supervisor.waitForService("one", "limited") { $0.state == "limited" }
            second.close()
            #expect(try waiting.receive() == Array("later".utf8))
        }
    }

    @Test("only_users and only_groups: by the kernel's word on who connected")
    func users() throws {
        let directory = try TemporaryDirectory()
        let (mine, other) = (getuid(), getuid() == 0 ? 65_534 : getuid() - 1)
        let table = """
            services:
              mine: {listen: \(directory.path("mine")), internal: echo, only_users: [\(mine)]}
              other: {listen: \(directory.path("other")), internal: echo, only_users: [\(other)]}
              group: {listen: \(directory.path("group")), internal: echo, only_users: [\(other)], only_groups: [\(getgid())]}
            """
        try withSupervisor(table, in: directory) { supervisor in
            #expect(try TestSocket.unix(directory.path("mine")).isServed())
            #expect(try TestSocket.unix(directory.path("group")).isServed())
            #expect(try !TestSocket.unix(directory.path("other")).isServed())
            try expectRefused("source", supervisor, service: "other")
        }
    }

    @Test("busy_reply reaches the client, whatever it is sending, and is not waited for for ever")
    func busyReply() throws {
        let keys = "only_from: [127.0.0.2], busy_reply: \"421 busy\\r\\n\""
        try withSupervisor(echo(keys)) { supervisor in
            let port = try supervisor.port("echo")
            let talker = try TestSocket.tcp(port: port)
            try talker.send([UInt8](repeating: 0x61, count: 30_000))
            #expect(try talker.receiveText() == "421 busy\r\n")
            // One that neither reads nor closes is closed on after a while.
            let silent = try TestSocket.tcp(port: port)
            #expect(try silent.receiveLine() == "421 busy\r")
            let descriptors = supervisor.view.descriptors.count
            #expect(eventually { supervisor.view.descriptors.count < descriptors })
            try expectRefused("source", times: 2, supervisor)
        }
    }

    @Test("repeated refusals of one source are one line of the log")
    func summary() throws {
        try withSupervisor(echo("no_access: [127.0.0.0/8]")) { supervisor in
            let port = try supervisor.port("echo")
            for _ in 0..<50 { #expect(try TestSocket.tcp(port: port, from: "127.0.0.9").end() == .closed) }
            try expectRefused("source", times: 50, supervisor)
            #expect(supervisor.log.lines.filter { $0.contains("127.0.0.9") }.count == 1)
        }
    }
}
