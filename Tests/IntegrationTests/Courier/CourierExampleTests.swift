import Foundation
import TestSupport
import Testing

/// examples/courier: a connection that moves between programs, call by call.
@Suite struct CourierExampleTests {
    private static func words(_ words: UInt16...) -> [UInt8] {
        words.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    }

    /// The example in a directory of the test's own, with free ports.
    private func withExample(_ body: (RunningSupervisor, _ place: String) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        let place = directory.path("courier")
        let built = try runProgram(
            "/usr/bin/make", ["--silent", "-C", Repository.path("examples/courier"), "BUILD=\(place)"],
            deadline: Deadline(seconds: 120))
        guard built.status == .exited(0) else { throw TestFailure(built.standardError) }
        let table = try String(contentsOfFile: Repository.path("examples/courier/baton.yaml"), encoding: .utf8)
            .replacing(/runtime_directory: .*/, with: "").replacing("/tmp/baton-courier", with: place)
            .replacing(/127\.0\.0\.1:\d+/, with: "127.0.0.1:0")
        try withSupervisor(table, in: directory) { supervisor in
            for name in ["clearinghouse", "time"] {
                try supervisor.waitForService(name, "ready") { $0.handlers.first?.state == "ready" }
            }
            supervisor.markBaseline()
            try body(supervisor, place)
        }
    }

    private func connect(_ supervisor: RunningSupervisor) throws -> TestSocket {
        let client = try TestSocket.tcp(port: supervisor.port("courier"))
        try client.send(Self.words(3, 3))
        #expect(try client.receive(exactly: 4) == Self.words(3, 3))
        return client
    }

    @Test("the client's calls alternate between two programs on one connection, and each answer is right")
    func client() throws {
        try withExample { supervisor, place in
            // The front starts with the first connection.
            let output = try runProgram(place + "/client", ["127.0.0.1", "\(supervisor.port("courier"))"])
            #expect(output.status == .exited(0), "\(output.standardError)")
            #expect(output.standardOutput.contains("clearinghouse: dorado is at 2273#2.852.31\n"))
            #expect(output.standardOutput.components(separatedBy: "time: ").count == 5)
            let front = try supervisor.waitForService("courier", "ended") { $0.connections.ended == 1 }
            #expect(front.connections.handed_off == 1)
            let programs = try ["clearinghouse", "time"].map { name in
                try supervisor.waitForService(name, "ended") { $0.connections.ended == 4 }.connections
            }
            #expect(programs.map(\.handed_off) == [4, 4] && programs.map(\.lost) == [0, 0])
            supervisor.markBaseline()
        }
    }

    @Test("two calls that arrive together are answered in order, each by its own program")
    func pipelined() throws {
        try withExample { supervisor, _ in
            let client = try connect(supervisor)
            let lookUp = Self.words(0, 1, 0, 2, 3, 1, 6) + Array("dorado".utf8)
            try client.send(Self.words(0, 0, 0, 15, 2, 0) + lookUp)
            #expect(try client.receive(exactly: 8).prefix(4) == Self.words(2, 0)[...])
            let answer = try client.receive(exactly: 4 + 2 + 14)
            #expect(answer == Self.words(2, 1, 13) + Array("2273#2.852.31\0".utf8))
            client.close()
            try supervisor.waitForService("clearinghouse", "ended") { $0.connections.ended == 1 }
            supervisor.markBaseline()
        }
    }

    @Test("what nobody serves is answered with REJECT, by the front and by a program")
    func reject() throws {
        try withExample { supervisor, _ in
            let first = try connect(supervisor)
            try first.send(Self.words(0, 7, 0, 9, 1, 0))
            #expect(try first.receiveToEnd() == Self.words(1, 7, 0))
            let second = try connect(supervisor)
            try second.send(Self.words(0, 8, 0, 15, 2, 0))
            _ = try second.receive(exactly: 8)
            try second.send(Self.words(0, 9, 0, 2, 4, 1))
            #expect(try second.receiveToEnd() == Self.words(1, 9, 1, 3, 3))
            supervisor.markBaseline()
        }
    }

    @Test("a connection that has been passed 8 times is answered with REJECT, and not dropped")
    func tooOften() throws {
        try withExample { supervisor, place in
            let output = try runProgram(
                place + "/client", ["-n", "9", "-c", "9", "127.0.0.1", "\(supervisor.port("courier"))"])
            #expect(output.status == .exited(1))
            #expect(output.standardError.contains("call 8: message 1 for 8"))
            supervisor.markBaseline()
        }
    }
}
