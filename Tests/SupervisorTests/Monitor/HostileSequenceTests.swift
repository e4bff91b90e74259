import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import ServiceTable
@testable import Supervisor

extension HostileWorkerTests {
    @Test("whatever comes, it is answered or ends the worker, and nothing else happens", arguments: 1...3)
    func anything(seed: Int) throws {
        var play = try HostilePlay(seed: UInt64(seed))
        let deadline = Deadline(seconds: 1)
        var steps = 0
        while steps < 4000, !deadline.isOver {
            try play.step()
            steps += 1
            if steps.isMultiple(of: 200) { play.check() }
        }
        play.check()
        try play.finish()
        #expect(play.answers > 0 && play.ends > 0, "of \(steps) steps")
    }
}

/// A worker that sends what comes to its mind, but nearly right, with sockets and without.
private struct HostilePlay {
    private let bench: DeskBench
    private var random: SplitMix
    private let stranger: Stranger
    /// Of the monitor's own.
    private let helper: TestProcess
    private let sockets: [TestSocket]
    private let endpoints: [Endpoint]
    /// Cookies of all listeners that it was given.
    private var listeners: Set<UInt64> = []
    private var lastListeners: [UInt64] = [0, .max]
    private(set) var answers = 0
    private(set) var ends = 0

    init(seed: UInt64) throws {
        random = SplitMix(seed: seed)
        bench = try DeskBench()
        stranger = try Stranger()
        helper = try TestProcess("sleep", ["1000"], descriptors: [])
        sockets =
            try (0..<4).map { _ in try TestSocket(family: AF_UNIX, type: TestSocket.packets) }
            + [try TestSocket.bound(), try TestSocket.bound(type: TestSocket.datagram)]
        let known = DeskBench.Service.allCases.map(bench.endpoint)
        endpoints =
            known
            + known.map { endpoint in
                var other = endpoint
                other.options.backlog += 1
                return other
            }
    }

    mutating func step() throws {
        let request = request()
        var packet = MonitorMessage.encode(request, version: .random(in: 1...3, using: &random))
        if Int.random(in: 0..<40, using: &random) == 0 { spoil(&packet) }
        let count = [0, 0, 0, 1, 2, 3, 8].randomElement(using: &random) ?? 0
        let passed = (0..<count).compactMap { _ in sockets.randomElement(using: &random)?.descriptor }
        switch try bench.send(packet, Int.random(in: 0..<4, using: &random) == 0 ? passed : []) {
        case .answered(_, let descriptors):
            answers += 1
            if case .open = request, let socket = descriptors.first?.borrowed { note(socket) }
        case .ended:
            ends += 1
            try bench.replaceWorker()
        }
    }

    private mutating func note(_ listener: FileDescriptor) {
        let cookie = Socket.cookie(of: listener) ?? 0
        listeners.insert(cookie)
        lastListeners = lastListeners.suffix(7) + [cookie]
    }

    /// Who is nobody's lives on; what is held has a limit.
    func check() {
        #expect(stranger.isAlive && ProcessView(pid: helper.pid).isAlive && ProcessView(pid: bench.child.pid).isAlive)
        // Two under each number.
        #expect(sockets.reduce(0) { $0 + $1.copies } <= sockets.count + 2 * Self.numbers.count)
        let held = ProcessView.own.descriptors.keys.count {
            Socket.cookie(of: FileDescriptor(rawValue: $0)).map(listeners.contains) ?? false
        }
        #expect(held <= DeskBench.Service.allCases.count)
    }

    /// With the last worker all that it has is given up.
    func finish() throws {
        for number in Self.numbers { try bench.ask(.giveUp(number)) }
        #expect(sockets.map(\.copies).allSatisfy { $0 == 1 })
    }

    // MARK: What is asked

    private static let numbers: [UInt64] = [0, 1, 2, .max]
    private static let signals: [Int32] = [0, SIGKILL, SIGTERM, SIGCONT, -1, 65, .max]

    /// Not the table anew, which starts a process.
    private mutating func request() -> MonitorRequest {
        switch Int.random(in: 0..<16, using: &random) {
        case 0, 1: .open(any(endpoints))
        case 2: .close(cookie())
        case 3: .change(cookie(), to: any(endpoints))
        case 4: any([.finishAdopting, .ready, .ending, .ended, .took, .becomeNext])
        case 5: .showControl(to: any([nil, getegid(), getegid() + 1, .max]))
        case 6: .openLog(any(["", "/etc/passwd", bench.directory.path("baton.log")]), isSocket: any([true, false]))
        case 7: .signal(pid(), any(Self.signals))
        case 8: .signalGroup(pid(), any([0, SIGKILL]))
        case 9, 10: .keep(any(Self.numbers))
        case 11: .giveUp(any(Self.numbers))
        case 12: .nextKept
        case 13: .follow(pid(), since: any([.zero, Clock.now(), .seconds(1 << 40), .zero - .seconds(1 << 40)]))
        case 14: .killRegistered(any(Self.numbers))
        default: .giveUpReading(why: any(["", String(repeating: "x", count: 60_000)]))
        }
    }

    private mutating func any<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: values.indices, using: &random)]
    }

    private mutating func pid() -> Int32 {
        any([0, 1, -1, .min, .max, getpid(), bench.child.pid, stranger.pid, -stranger.pid, helper.pid])
    }

    private mutating func cookie() -> UInt64 { any(lastListeners) }

    private mutating func spoil(_ packet: inout [UInt8]) {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: packet.removeLast(Int.random(in: 0...packet.count, using: &random))
        case 1: packet.append(.random(in: 0...255, using: &random))
        default: packet[Int.random(in: packet.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
    }
}
