import ControlProtocol
import LinuxSystem
import SystemPackage
import Testing

@testable import Supervisor

/// The control socket with a loop of its own, clients and a target that answers with what it was asked.
private final class ControlBench: ControlTarget {
    let bench: InternalBench
    private var server: ControlServer?
    /// Bits of long replies that were made.
    private(set) var made = 0
    private let address: SocketAddress

    var runtime: Runtime { bench.runtime }

    init(_ limits: ControlLimits = ControlLimits()) throws {
        bench = try InternalBench(.echo)
        address = .abstract(name: "baton-test-\(CurrentProcess.pid)-\(UInt64.random(in: 0 ... .max))")
        let socket = try Socket.make(family: address.family, .stream, nonblocking: true)
        try Socket.bind(socket.borrowed, to: address)
        try Socket.listen(socket.borrowed, backlog: 128)
        server = try ControlServer(
            socket, admitsGroup: false, runtime: bench.runtime, target: self, limits: limits)
    }

    func perform(_ method: ControlRequest.Method, answer reply: @escaping (ControlOutcome) -> Void) {
        let answer = { reply(.done($0)) }
        switch method {
        case .restart: break  // never answered
        case .metrics: reply(.long(hundredBits))
        case .connections: answer(.success(.string(String(repeating: "x", count: 4 << 20))))
        case .events(let query): answer(.success(["follow": .bool(query.follows)]))
        default: answer(.success(["services": .array(method.services.map { .string($0) })]))
        }
    }

    /// 6.4 MB.
    private var hundredBits: LongReply {
        var count = 0
        return LongReply(before: Array("[".utf8), after: Array("]".utf8)) { [self] bytes in
            (count, made) = (count + 1, made + 1)
            bytes += "\(count > 1 ? "," : "")\"\(String(repeating: "x", count: 1 << 16))\"".utf8
            return count < 100
        }
    }

    func connect() throws -> ControlPeer { try ControlPeer(address) }

    func report(_ count: Int) {
        for _ in 0..<count { runtime.events.report(.service(.recovered), service: "a") }
    }

    /// Runs the loop until it holds.
    func run(until isDone: @escaping () -> Bool) throws { try bench.run(until: isDone) }
}

/// A client that never waits.
private final class ControlPeer {
    private let socket: DescriptorBox
    private(set) var lines: [String] = []
    private(set) var isEnded = false
    private var rest: [UInt8] = []
    /// Bytes of `rest` that hold no end of a line: a long one comes in many pieces.
    private var searched = 0

    init(_ address: SocketAddress) throws {
        let socket = try Socket.make(family: address.family, .stream)
        try Socket.connect(socket.borrowed, to: address)
        try Socket.setNonblocking(socket.borrowed, true)
        self.socket = DescriptorBox(socket)
    }

    func send(_ text: String) throws {
        guard let descriptor = socket.borrowed else { return }
        #expect(try DescriptorPassing.send(Array(text.utf8), on: descriptor) == text.utf8.count)
    }

    func close() { _ = socket.take() }

    /// Takes what is there.
    func take() {
        guard let descriptor = socket.borrowed else { return }
        while !isEnded {
            var buffer = [UInt8](repeating: 0, count: 65536)
            do {
                guard let count = try descriptor.readOnce(into: &buffer) else { break }
                if count == 0 { isEnded = true }
                rest += buffer[..<count]
            } catch {
                isEnded = true
            }
        }
        while let end = rest[searched...].firstIndex(of: 10) {
            lines.append(String(decoding: rest[..<end], as: UTF8.self))
            rest.removeFirst(end + 1)
            searched = 0
        }
        searched = rest.count
    }

    /// Takes what is there, and tells whether it is so many lines.
    func has(_ count: Int) -> Bool {
        take()
        return lines.count >= count
    }
}

@Suite struct ControlServerTests {
    private static let follow = #"{"method":"events","params":{"follow":true}}"# + "\n"

    @Test("requests that were sent at once are answered one by one, in order")
    func pipelining() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.send((0..<500).map { #"{"method":"status","id":\#($0)}"# + "\n" }.joined())
        try bench.run { client.has(500) }
        #expect(client.lines.enumerated().allSatisfy { $1.hasSuffix(#""id":\#($0)}"#) })
    }

    @Test("half a line waits for its end and holds up nobody; a line without an end is the end of its sender")
    func halfLines() throws {
        let bench = try ControlBench()
        let half = try bench.connect()
        try half.send(#"{"method":"sta"#)
        let endless = try bench.connect()
        try endless.send(String(repeating: "x", count: 70_000))
        let other = try bench.connect()
        try other.send(#"{"method":"status"}"# + "\n")
        try bench.run {
            endless.take()
            return other.has(1) && endless.isEnded
        }
        #expect(endless.lines.first?.contains("bad_request") == true)
        try half.send(#"tus"}"# + "\n")
        try bench.run { half.has(1) }
        #expect(half.lines[0].contains("result"))
    }

    @Test("a follower that was too slow is told how many events it missed, where they are missing")
    func gap() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.send(Self.follow)
        try bench.run { client.has(1) }
        #expect(client.lines == [#"{"result":{"follow":true}}"#])
        // Until its socket is full, and the ring has gone past it.
        var reported = 0
        for _ in 0..<40 {
            bench.report(500)
            reported += 500
            var rounds = 0
            try bench.run {
                rounds += 1
                return rounds > 2
            }
        }
        var told = 0
        var missed = 0
        try bench.run {
            client.take()
            told = client.lines.dropFirst().count { $0.contains(#""service_recovered""#) }
            missed = client.lines.reduce(0) { sum, line in
                let object = (try? JSON(parsing: Array(line.utf8), limits: .reply))?.object
                return sum + Int(object?["missed"]?.integer ?? 0)
            }
            return told + missed >= reported
        }
        #expect(missed > 0)
        #expect(told + missed == reported, "each is told or counted as missed, once")
        #expect(client.lines.contains { $0.contains(#""event":"gap""#) })
    }

    @Test("a follower that takes nothing is dropped in the end, one that has nothing to take is not")
    func dropped() throws {
        let bench = try ControlBench(ControlLimits(followingPatience: .milliseconds(100)))
        let stuck = try bench.connect()
        let quiet = try bench.connect()
        try stuck.send(Self.follow)
        try quiet.send(#"{"method":"events","params":{"follow":true,"events":["refused"]}}"# + "\n")
        try bench.run { quiet.has(1) }
        var passed = 0
        try bench.run {
            // More than its socket takes, a little in each round.
            bench.report(50)
            passed += 1
            return passed > 300
        }
        try bench.run {
            stuck.take()
            return stuck.isEnded
        }
        quiet.take()
        #expect(!quiet.isEnded)
        bench.runtime.events.report(.connection(.refused(.source)), service: "a")
        try bench.run { quiet.has(2) }
    }

    @Test("a long reply is one line, made as it is taken; others are answered meanwhile")
    func longReply() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.send(#"{"method":"metrics","id":1}"# + "\n" + #"{"method":"status","id":2}"# + "\n")
        let other = try bench.connect()
        try other.send(#"{"method":"status"}"# + "\n")
        try bench.run { other.has(1) }
        #expect(bench.made < 100, "the socket takes only so much")
        try bench.run { client.has(2) }
        #expect(bench.made == 100)
        let limits = JSONLimits(depth: 8, bytes: 16 << 20)
        let reply = try ControlReply(json: JSON(parsing: Array(client.lines[0].utf8), limits: limits))
        #expect(reply.id == 1)
        #expect(try reply.outcome.get().array?.count == 100)
        #expect(client.lines[1].hasSuffix(#""id":2}"#))
    }

    @Test("a long reply that nobody takes is not made to its end, and is held for a while only")
    func longReplyUnread() throws {
        let bench = try ControlBench(ControlLimits(patience: .milliseconds(100)))
        let client = try bench.connect()
        try client.send(#"{"method":"metrics"}"# + "\n")
        var passed = false
        _ = bench.runtime.loop.schedule(after: .milliseconds(300)) { passed = true }
        try bench.run { passed }
        try bench.run {
            client.take()
            return client.isEnded
        }
        #expect(bench.made < 100 && client.lines.isEmpty)
    }

    @Test("a reply that nobody takes is held for a while only")
    func unread() throws {
        let bench = try ControlBench(ControlLimits(patience: .milliseconds(100)))
        let client = try bench.connect()
        try client.send(#"{"method":"connections"}"# + "\n")
        let other = try bench.connect()
        try other.send(#"{"method":"status"}"# + "\n")
        try bench.run { other.has(1) }
        var passed = false
        _ = bench.runtime.loop.schedule(after: .milliseconds(300)) { passed = true }
        try bench.run { passed }
        try bench.run {
            client.take()
            return client.isEnded
        }
        #expect(client.lines.isEmpty, "it has only the beginning")
    }

    @Test("a client that leaves while it follows, or before its answer, leaves nothing behind")
    func leaving() throws {
        let bench = try ControlBench()
        for request in [Self.follow, #"{"method":"restart","params":{"services":["a"]}}"# + "\n", "{\n"] {
            let client = try bench.connect()
            try client.send(request)
            var rounds = 0
            try bench.run {
                rounds += 1
                return rounds > 3
            }
            client.close()
        }
        bench.report(10)
        let last = try bench.connect()
        try last.send(#"{"method":"events"}"# + "\n")
        try bench.run { last.has(1) && last.lines.last?.contains(#""end""#) == true }
        let control = last.lines.filter { $0.contains("control_request") }
        #expect(control.count == 1, "who changes something is an event, who looks is none: \(control)")
    }

    @Test("after the end of the past events the connection takes the next request")
    func again() throws {
        let bench = try ControlBench()
        bench.report(3)
        let client = try bench.connect()
        try client.send(
            #"{"method":"events","params":{"recent":2},"id":1}"# + "\n" + #"{"method":"status","id":2}"# + "\n")
        try bench.run { client.has(5) }
        #expect(client.lines[0] == #"{"result":{"follow":false},"id":1}"#)
        #expect(client.lines[3].contains(#""event":"end""#))
        #expect(client.lines[4].contains(#""id":2"#))
    }
}
