import TestSupport
import Testing

/// `banner` and `log_on`, with the real program.
@Suite struct BannerAndLogTests {
    @Test("the banner comes before whatever serves the connection, as text or from a file")
    func ways() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("issue", "welcome\r\nto this\r\n")
        let echo = try TestSocket.bound()
        try echo.listen()
        let port = try echo.localPort
        let table = """
            defaults: {banner: \(file)}
            services:
              exec: {listen: "127.0.0.1:0", exec: [/bin/echo, served]}
              inside: {listen: "127.0.0.1:0", internal: daytime, banner: "short\\r\\n"}
              relay: {listen: "127.0.0.1:0", redirect: "127.0.0.1:\(port)"}
              waiting: {listen: "127.0.0.1:0", wait: true, exec: [/bin/true]}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let served = try TestSocket.tcp(port: supervisor.port("exec")).receiveText()
            #expect(served == "welcome\r\nto this\r\nserved\n")
            let day = try TestSocket.tcp(port: supervisor.port("inside")).receiveText()
            #expect(day.hasPrefix("short\r\n") && day.count > 20)
            let client = try TestSocket.tcp(port: supervisor.port("relay"))
            let target = try echo.accept()
            try target.send("target")
            target.close()
            #expect(try client.receiveText() == "welcome\r\nto this\r\ntarget")
        }
    }

    @Test("log_on chooses the lines of a service, and what is in them")
    func chosenLines() throws {
        let table = """
            log: {level: info}
            services:
              quiet: {listen: "127.0.0.1:0", exec: [/bin/true], log_on: []}
              brief: {listen: "127.0.0.1:0", exec: [/bin/true], log_on: [exit]}
              usual: {listen: "127.0.0.1:0", exec: [/bin/true]}
              inside: {listen: "127.0.0.1:0", internal: echo, log_on: [start, exit, duration, traffic]}
            """
        try withSupervisor(table) { supervisor in
            for name in ["quiet", "brief"] {
                _ = try TestSocket.tcp(port: supervisor.port(name)).receiveToEnd()
                try supervisor.waitForService(name, "ended") { $0.connections.ended == 1 }
            }
            let client = try TestSocket.tcp(port: supervisor.port("inside"))
            try client.send("four")
            #expect(try client.receive(exactly: 4) == Array("four".utf8))
            client.close()
            let end = try supervisor.log.wait(for: "inside", "ended after")
            #expect(end.contains("4 bytes from the client, 4 to it"))
            #expect(end.contains(" info "))
            _ = try TestSocket.tcp(port: supervisor.port("usual")).receiveToEnd()
            let usual = try supervisor.log.wait(for: "usual", "exited with status 0")
            #expect(usual.contains(" after "))
            let lines = supervisor.log.text.split(separator: "\n").map(String.init)
            #expect(!lines.contains { $0.contains(" quiet: ") && ($0.contains("spawned") || $0.contains("exited")) })
            #expect(!lines.contains { $0.contains(" brief: spawned") })
            let brief = lines.filter { $0.contains(" brief: pid ") }
            #expect(brief.count == 1 && !brief[0].contains(" after "))
            #expect(lines.contains { $0.contains(" inside: accepted") })
        }
    }
}
