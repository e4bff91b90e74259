import Foundation
import TestSupport
import Testing

/// `metrics.listen` and clients that mean no good: each costs a process with limits, and nothing else.
@Suite struct HostileClientTests {
    private static let table = """
        metrics: {listen: "127.0.0.1:0"}
        services: {echo: {listen: "127.0.0.1:0", internal: echo}}
        """

    /// The whole answer to `request`, sent at once.
    private func reply(_ request: String, _ supervisor: RunningSupervisor) throws -> String {
        let client = try TestSocket.tcp(port: supervisor.port("metrics"))
        try client.send(request)
        return try client.receiveText()
    }

    @Test("garbage gets an answer and the end of the connection")
    func garbage() throws {
        try withSupervisor(Self.table) { supervisor in
            for request in ["\u{16}\u{3}\u{1}\r\n\r\n", "GET /metrics\r\n\r\n", "GET /metrics HTTP/1.1\r\n\r\n"] {
                let answer = try reply(request, supervisor)
                #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"), "\(request.debugDescription): \(answer)")
            }
            let answer = try reply("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", supervisor)
            #expect(answer.hasPrefix("HTTP/1.1 505 "))
        }
    }

    @Test("a head without an end is refused at 8 KiB, and the client gets to read why")
    func huge() throws {
        try withSupervisor(Self.table) { supervisor in
            let field = "X: " + String(repeating: "x", count: 1000) + "\r\n"
            let request = "GET /metrics HTTP/1.1\r\n" + String(repeating: field, count: 40)
            let answer = try reply(request, supervisor)
            #expect(answer.hasPrefix("HTTP/1.1 431 Request Header Fields Too Large\r\n"))
        }
    }

    @Test("of pipelined requests the first is answered; the rest do not take its answer away")
    func pipelined() throws {
        try withSupervisor(Self.table) { supervisor in
            let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
            let answer = try reply(String(repeating: request, count: 500), supervisor)
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.components(separatedBy: "HTTP/1.1 200").count == 2)
            let head = try #require(answer.firstRange(of: "\r\n\r\n"))
            let length = answer[..<head.lowerBound].split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }
            #expect(length == "Content-Length: \(answer[head.upperBound...].utf8.count)")
        }
    }

    @Test("clients that send slowly, or nothing, are told so in time; one source has at most four")
    func slow() throws {
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("metrics")
            let silent = try TestSocket.tcp(port: port)
            let started = try TestSocket.tcp(port: port)
            try started.send("GET /metrics HTTP/1.1\r\nHost")
            let gone = try TestSocket.tcp(port: port)
            let half = try TestSocket.tcp(port: port)
            try half.finishSending()
            #expect(try half.receiveToEnd().isEmpty, "who asks for nothing gets nothing")
            try supervisor.waitForService("metrics", "one gone") { $0.connections.ended == 1 }
            let fourth = try TestSocket.tcp(port: port)
            try supervisor.waitForService("metrics", "four at once") { $0.connections.active == 4 }
            let fifth = try TestSocket.tcp(port: port)
            #expect(try fifth.receiveToEnd().isEmpty)
            #expect(try supervisor.service("metrics").connections.refused == ["per_source": 1])
            try gone.reset()
            fourth.close()
            try supervisor.waitForService("metrics", "two left") { $0.connections.active == 2 }
            let answer = try reply("GET /metrics HTTP/1.0\r\n\r\n", supervisor)
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(try silent.receiveText().hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
            #expect(try started.receiveText().hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
            silent.close()
            started.close()
            try supervisor.waitForService("metrics", "nobody") { $0.connections.active == 0 }
        }
    }

    @Test("killed in the middle of a request, it takes nothing with it")
    func killed() throws {
        try withSupervisor(Self.table) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("metrics"))
            try client.send("GET ")
            var process: ProcessView?
            #expect(
                eventually {
                    process = supervisor.view.children.first { $0.arguments == ["batond", "metrics"] }
                    return process != nil
                })
            kill(try #require(process).pid, SIGKILL)
            _ = try? client.receiveToEnd()
            let answer = try reply("GET /metrics HTTP/1.0\r\n\r\n", supervisor)
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            try supervisor.waitForService("metrics", "nobody") { $0.connections.active == 0 }
        }
    }
}
