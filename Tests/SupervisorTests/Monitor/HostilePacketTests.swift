import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import ServiceTable
@testable import Supervisor

/// What a worker sends that is no request, and what it sends along.
extension HostileWorkerTests {
    /// One of each kind.
    static let requests: [MonitorRequest] = [
        .open(.blank), .close(7), .change(7, to: .blank), .finishAdopting, .ready, .ending, .ended,
        .showControl(to: 7), .openLog("x", isSocket: true), .giveUpReading(why: "x"), .took, .signal(0, 9),
        .signalGroup(0, 9), .giveUp(7), .nextKept, .follow(7, since: .seconds(7)), .becomeNext, .killRegistered(7),
    ]

    // MARK: Packets

    @Test("what is no request ends the worker: empty, cut, of another version, with bytes behind, too long")
    func packets() throws {
        let bench = try DeskBench()
        let whole = MonitorMessage.encode(MonitorRequest.signal(2, 15))
        var strange: [[UInt8]] = [[], whole + [0], Array(repeating: 0, count: MonitorMessage.most)]
        strange += (1..<whole.count).map { Array(whole[..<$0]) }
        let next = UInt8(SupervisorState.version + 1)
        strange += [0, next, next + 1, 255].map { [$0] + whole.dropFirst() }
        strange += [20, 255].map { whole[..<8] + [$0] + whole.dropFirst(9) }
        strange.append(whole + Array(repeating: 0, count: MonitorMessage.most - whole.count))
        strange.append(Array(repeating: 255, count: MonitorMessage.most))
        for packet in strange {
            guard case .ended = try bench.send(packet) else {
                Issue.record("\(packet.prefix(20)) is answered")
                continue
            }
            try bench.replaceWorker()
        }
        try bench.ask(.nextKept)
    }

    @Test("the longest request there can be is one, and every version is answered in its own")
    func longest() throws {
        let bench = try DeskBench()
        let frame = MonitorMessage.encode(MonitorRequest.giveUpReading(why: "")).count
        let why = String(repeating: "x", count: MonitorMessage.most - frame)
        #expect(try bench.refusal(.giveUpReading(why: why)) == nil)
        for version in SupervisorState.oldestVersion...SupervisorState.version {
            let packet = MonitorMessage.encode(MonitorRequest.open(bench.endpoint(.tcp)), version: version)
            // The child that has closed the one before is not waited for as long as a busy machine may take.
            let isFree = try eventually {
                guard case .answered(let reply, let sockets) = try bench.send(packet) else {
                    throw TestFailure("version \(version) is not answered")
                }
                guard reply.error != Errno.addressInUse.rawValue else { return false }
                #expect(reply.error == 0 && sockets.count == 1)
                let listener = try #require(sockets.first?.asTestSocket)
                try bench.ask(.close(listener.cookie))
                return true
            }
            #expect(isFree)
        }
    }

    @Test("a worker that does not take its answers is none any more, and nobody waits for it")
    func deaf() throws {
        let bench = try DeskBench()
        let packet = MonitorMessage.encode(MonitorRequest.nextKept)
        var sent = 0
        while sent < 100_000, ProcessView(pid: bench.child.pid).isAlive {
            bench.queue(packet)
            bench.loop.turn()
            sent += 1
        }
        #expect(try bench.child.wait() == .signaled(SIGKILL))
        try bench.replaceWorker()
        try bench.ask(.nextKept)
    }

    // MARK: Descriptors

    @Test("with a request that has none, descriptors end the worker, and are closed")
    func descriptors() throws {
        let bench = try DeskBench()
        let sockets = [try TestSocket.bound(), try TestSocket(family: AF_UNIX, type: TestSocket.stream)]
        let passed = (0..<120).flatMap { _ in sockets.map(\.descriptor) }
        for request in Self.requests {
            guard case .ended = try bench.send(MonitorMessage.encode(request), passed) else {
                Issue.record("\(request) with descriptors is answered")
                continue
            }
            #expect(sockets.map(\.copies) == [1, 1], "\(request)")
            try bench.replaceWorker()
        }
        #expect(sockets.map(\.copies) == [1, 1])
    }

    @Test("a socket that lingers is not waited for, whatever it comes with")
    func linger() throws {
        let keep = MonitorMessage.encode(MonitorRequest.keep(1))
        for packet in [[], [1], keep + [0], keep, MonitorMessage.encode(MonitorRequest.nextKept)] {
            let bench = try DeskBench()
            let (socket, lingering) = try Lingering.make()
            let copy = try check("dup") { dup(socket.descriptor) }
            socket.close()
            bench.queue(packet, [copy])
            close(copy)
            try lingering.isNotWaitedFor { _ = try bench.turn() }
        }
    }

    @Test("two Unix sockets are kept under a number, and nothing else; what was kept there before is closed")
    func keep() throws {
        let bench = try DeskBench()
        let sockets = try (0..<3).map { _ in try TestSocket(family: AF_UNIX, type: TestSocket.stream) }
        let numbers = sockets.map(\.descriptor)
        let tcp = try TestSocket.bound()
        #expect(try bench.refusal(.keep(1)) == .notSocket)
        #expect(try bench.refusal(.keep(1), [tcp.descriptor]) == .notSocket)
        #expect(try bench.refusal(.keep(1), [numbers[0], tcp.descriptor]) == .notSocket)
        #expect(try bench.refusal(.keep(1), numbers) == .invalidArgument)
        #expect((sockets + [tcp]).map(\.copies) == [1, 1, 1, 1])

        #expect(try bench.refusal(.keep(1), [numbers[0], numbers[1]]) == nil)
        #expect(sockets.map(\.copies) == [2, 2, 1])
        #expect(try bench.refusal(.keep(1), [numbers[2]]) == nil)
        #expect(sockets.map(\.copies) == [1, 1, 2])
        for number in [0, 2, .max] as [UInt64] { try bench.ask(.giveUp(number)) }
        try bench.ask(.giveUp(1))
        #expect(sockets.map(\.copies) == [1, 1, 1])
    }

    @Test("what is no socket at all is not kept, and comes from no worker")
    func files() throws {
        let bench = try DeskBench()
        let pair = try Socket.pair(.stream)
        let file = open(bench.directory.path("file"), O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        defer { close(file) }
        for passed in [[file], [pair.ours.rawValue, file]] {
            guard case .ended = try bench.send(MonitorMessage.encode(MonitorRequest.keep(1)), passed) else {
                Issue.record("it is answered")
                continue
            }
            try bench.replaceWorker()
            #expect(try bench.ask(.nextKept).1.isEmpty)
        }
    }

    @Test("the next worker is given what was kept, once; a second time there is nothing")
    func kept() throws {
        let bench = try DeskBench()
        let socket = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try bench.ask(.keep(.max), [socket.descriptor])
        #expect(try bench.ask(.nextKept).1.isEmpty)
        try bench.replaceWorker()
        let (reply, descriptors) = try bench.ask(.nextKept)
        #expect(reply.number == .max && descriptors.count == 1)
        #expect(try bench.ask(.nextKept).1.isEmpty)
    }

    @Test("without a descriptor left, what was kept for workers that do not come up is given up all the same")
    func shortOfDescriptors() throws {
        let book = try PermitBook()
        let roster = try Roster.memory()
        let numbers = try [book.borrowed, roster.borrowed].map { try $0.duplicate().release() }
        let copies = try withFailing(["memfd_create"], EMFILE) {
            let bench = try DeskBench(
                book: PermitBook(adopting: OwnedDescriptor(adopting: numbers[0])),
                roster: DescriptorBox(OwnedDescriptor(adopting: numbers[1])))
            let socket = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
            try bench.ask(.keep(1), [socket.descriptor])
            var copies = [socket.copies]
            try? bench.desk.prepareRoster(goesOn: true)
            copies.append(socket.copies)
            try? bench.desk.prepareRoster(goesOn: false)
            return copies + [socket.copies]
        }
        #expect(copies == [2, 2, 1])
    }

    @Test("of tables that a worker does not take, the last one waits for it")
    func unreadNews() throws {
        let pair = try Socket.pair(.sequencedPacket)
        let news = WorkerNews(DescriptorBox(pair.ours), loop: try EventLoop())
        weak var waiting: DescriptorBox?
        var boxes: [() -> DescriptorBox?] = []
        for _ in 0..<2000 {
            let box = DescriptorBox(try FileDescriptor(rawValue: 0).duplicate())
            boxes.append({ [weak box] in box })
            waiting = box
            news.tell(MonitorMessage.encode(MonitorNews.table), passing: box)
        }
        #expect(boxes.compactMap { $0() }.count == 1 && waiting != nil)
        news.close()
        #expect(waiting == nil)
    }
}
