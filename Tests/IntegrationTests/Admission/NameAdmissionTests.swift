import Foundation
import Glibc
import TestSupport
import Testing

/// Source lists with names: what the name service says, and that nobody waits for it but its client.
@Suite struct NameAdmissionTests {
    /// Runs the supervisor where `files` stand in place of those of /etc: in a mount namespace of its own.
    private func supervise(
        _ table: String, files: [String: String], _ scenario: (RunningSupervisor) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory()
        var script = "#!/bin/sh\nset -e\n"
        for (name, text) in files {
            let file = try directory.write("etc/\(name)", text)
            script += "mount --bind \(file) /etc/\(name)\n"
        }
        script += "exec \(Repository.product("baton")) \"$@\"\n"
        let inner = try directory.write("inner", script, mode: 0o755)
        let outer = try directory.write(
            "outer", "#!/bin/sh\nexec unshare --mount \(inner) \"$@\"\n", mode: 0o755)
        let supervisor = try RunningSupervisor(table, in: directory, program: outer)
        do {
            try scenario(supervisor)
            try supervisor.expectNoLeak()
        } catch {
            throw TestFailure("\(error)\nthe log:\n\(supervisor.log.tail)")
        }
        for service in try supervisor.status().services {
            #expect(service.connections.isBalanced && service.connections.lost == 0)
        }
        try supervisor.stop()
    }

    private static let hosts = """
        127.0.0.1 localhost
        127.0.0.11 friend.baton.test
        127.0.0.12 stranger.elsewhere.test
        127.0.0.13 liar.baton.test
        127.0.0.14 liar.baton.test
        127.0.0.15 Pal.Baton.Test
        """

    @Test(
        "a host's addresses and a .domain let in whom they name; a name that does not lead back is none",
        .enabled(if: geteuid() == 0))
    func names() throws {
        let table = """
            services:
              host: {listen: "127.0.0.1:0", internal: echo, only_from: [friend.baton.test]}
              domain: {listen: "127.0.0.1:0", exec: [/bin/cat], only_from: [.baton.test]}
              outside: {listen: "127.0.0.1:0", internal: echo, no_access: [.baton.test]}
              datagrams: {listen: "udp://127.0.0.1:0", internal: echo, only_from: [.baton.test]}
            """
        let files = ["hosts": Self.hosts, "nsswitch.conf": "hosts: files\n"]
        try supervise(table, files: files) { supervisor in
            let host = try supervisor.port("host")
            #expect(try TestSocket.tcp(port: host, from: "127.0.0.11").isServed())
            #expect(try TestSocket.tcp(port: host, from: "127.0.0.12").end() == .closed)
            let domain = try supervisor.port("domain")
            #expect(try TestSocket.tcp(port: domain, from: "127.0.0.11").isServed())
            #expect(try TestSocket.tcp(port: domain, from: "127.0.0.15").isServed())
            #expect(try TestSocket.tcp(port: domain, from: "127.0.0.12").end() == .closed)
            #expect(try TestSocket.tcp(port: domain, from: "127.0.0.99").end() == .closed)
            let outside = try supervisor.port("outside")
            #expect(try TestSocket.tcp(port: outside, from: "127.0.0.11").end() == .closed)
            #expect(try TestSocket.tcp(port: outside, from: "127.0.0.12").isServed())
            let friend = try TestSocket.udp(port: supervisor.port("datagrams"), from: "127.0.0.11")
            // The name may have to be looked up first; what came meanwhile is dropped.
            #expect(
                try eventually {
                    try friend.send("x")
                    return friend.isReadable(within: 0.02)
                })
        }
    }

    @Test(
        "a host that has no address at first gets one while the supervisor runs",
        .enabled(if: geteuid() == 0))
    func lateHost() throws {
        let table = """
            services:
              host: {listen: "127.0.0.1:0", internal: echo, only_from: [late.baton.test]}
            """
        let files = ["hosts": "127.0.0.1 localhost\n", "nsswitch.conf": "hosts: files\n"]
        try supervise(table, files: files) { supervisor in
            let port = try supervisor.port("host")
            #expect(try TestSocket.tcp(port: port, from: "127.0.0.16").end() == .closed)
            // In place: the file of this name is the one that stands for /etc/hosts there.
            let file = try #require(FileHandle(forWritingAtPath: supervisor.directory.path("etc/hosts")))
            try file.seekToEnd()
            try file.write(contentsOf: Data("127.0.0.16 late.baton.test\n".utf8))
            try file.close()
            #expect(
                try eventually {
                    let client = try TestSocket.tcp(port: port, from: "127.0.0.16")
                    return try client.isServed()
                })
            // Another program knows it from its first moment on.
            try supervisor.upgrade()
            #expect(try TestSocket.tcp(port: port, from: "127.0.0.16").isServed())
        }
    }

    @Test(
        "a name server that never answers costs its client 2 s and nobody else anything",
        .enabled(if: geteuid() == 0))
    func silence() throws {
        let server = try TestSocket.bound(type: TestSocket.datagram, host: "127.0.0.53", port: 53)
        let table = """
            services:
              domain: {listen: "127.0.0.1:0", internal: echo, only_from: [127.0.0.2, .baton.test]}
            """
        let files = [
            "hosts": "127.0.0.1 localhost\n", "nsswitch.conf": "hosts: dns\n", "resolv.conf": "nameserver 127.0.0.53\n",
        ]
        try supervise(table, files: files) { supervisor in
            let port = try supervisor.port("domain")
            let begin = Deadline.now()
            let unknown = try (0..<20).map { try TestSocket.tcp(port: port, from: "127.0.1.\($0 + 1)") }
            try supervisor.waitForService("domain", "waiting") { $0.connections.queued == 20 }
            #expect(try TestSocket.tcp(port: port, from: "127.0.0.2").isServed())
            #expect(Deadline.now() - begin < 2_000_000_000, "the one that needs no name waits for nobody")
            for client in unknown { #expect(try client.end() == .closed) }
            #expect(Deadline.now() - begin < 6_000_000_000)
            try supervisor.waitForService("domain", "refused") { $0.connections.refused == ["source": 20] }
        }
        server.close()
    }
}
