import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import ServiceTable
@testable import Supervisor

/// A monitor's desk in this process, and a worker whose side the test plays: it sends whatever it likes.
///
/// Each request takes one round of the loop; what the desk has not answered by then it does not answer.
final class DeskBench {
    let directory: TemporaryDirectory
    let table: ServiceTable
    let loop: EventLoop
    let instances: InstanceTable
    let sockets: RuntimeSockets
    let desk: MonitorDesk
    private(set) var worker: WorkerProcess
    /// What counts as the worker's process, and the worker's end of its channel.
    private(set) var child: TestProcess
    private(set) var requests: TestSocket

    /// The services of its table.
    enum Service: Int, CaseIterable {
        case tcp, twin, unix, datagram
    }

    /// - Parameter book: What a program before has left, with its roster; else new ones are made.
    init(book: consuming PermitBook? = nil, roster: DescriptorBox? = nil) throws {
        directory = try TemporaryDirectory()
        table = try Self.table(directory)
        loop = try EventLoop()
        instances = InstanceTable(loop: loop)
        // Of this process's children most are other tests'.
        instances.reapAny = { nil }
        let files = RuntimeFilesBox(try RuntimeFiles(RuntimeDirectory(path: directory.path("run"))))
        guard let sockets = try files.openSockets() else { throw TestFailure("the runtime directory is gone") }
        self.sockets = sockets
        desk = try MonitorDesk(
            Self.beginning(table, loop: loop, instances: instances), files: files, sockets: sockets, book: book,
            roster: roster)
        (worker, child, requests) = try Self.worker(of: desk, loop: loop, instances: instances)
        desk.worker = worker
    }

    deinit {
        queue([])
        loop.turn()
    }

    private static func table(_ directory: TemporaryDirectory) throws -> ServiceTable {
        let text = """
            log: {to: \(directory.path("baton.log"))}
            services:
              tcp: {listen: "127.0.0.1:0", internal: echo}
              twin: {listen: "127.0.0.1:\(try QuietPort.next())", internal: echo, socket: {reuse_port: true}}
              unix: {listen: "unix://\(directory.path("s.sock"))", internal: echo}
              datagram: {listen: "udp://127.0.0.1:0", internal: echo}
            """
        let loaded = ServiceTableReader.read(text: Array(text.utf8), name: "t", resolving: false)
        guard var table = loaded.table else { throw TestFailure("\(loaded.faults)") }
        table.controlGroup = getegid()
        return table
    }

    private static func beginning(
        _ table: ServiceTable, loop: EventLoop, instances: InstanceTable
    ) throws -> Monitor.Beginning {
        // Signals are those of the whole process: they stay as they are.
        var mask = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &mask)
        defer { pthread_sigmask(SIG_SETMASK, &mask, nil) }
        let signals = try SignalSource(loop: try EventLoop())
        return Monitor.Beginning(
            options: SupervisorOptions(table: .file("/nonexistent")), table: table,
            user: Credentials(user: nil, gid: getegid(), groups: []),
            openFiles: ResourceLimits.Pair(soft: 1024, hard: 1024), began: loop.now, loop: loop, instances: instances,
            signals: signals, manager: ManagerEnvironment(), notifier: nil, store: ListenerStore())
    }

    private typealias Worker = (WorkerProcess, TestProcess, TestSocket)

    private static func worker(of desk: MonitorDesk, loop: EventLoop, instances: InstanceTable) throws -> Worker {
        let child = try TestProcess("sleep", ["1000"], descriptors: [])
        let requests = try Socket.pair(.sequencedPacket)
        let news = try Socket.pair(.sequencedPacket)
        for end in [requests.ours.borrowed, requests.theirs.borrowed] {
            try Socket.set(.sendBuffer, 2 * MonitorMessage.most, on: end)
        }
        var saved = SavedWorker()
        saved.pid = child.pid
        saved.requests = SavedDescriptor(FileDescriptor(rawValue: requests.ours.release()))
        saved.news = SavedDescriptor(FileDescriptor(rawValue: news.ours.release()))
        let worker = try WorkerProcess(saved, loop: loop, instances: instances, listener: desk)
        return (worker, child, TestSocket(adopting: requests.theirs.release()))
    }

    // MARK: Asking

    func endpoint(_ service: Service) -> Endpoint { table.services[service.rawValue].endpoints[0] }

    /// What came of a packet.
    enum Outcome {
        case answered(MonitorReply, [DescriptorBox])
        /// The worker counts as none any more.
        case ended
    }

    @discardableResult
    func send(_ packet: [UInt8], _ passed: [Int32] = []) throws -> Outcome {
        queue(packet, passed)
        return try turn()
    }

    /// Sends a packet that nobody takes yet.
    func queue(_ packet: [UInt8], _ passed: [Int32] = []) {
        let passed = passed.map { FileDescriptor(rawValue: $0) }
        _ = try? DescriptorPassing.send(packet, passing: passed, on: FileDescriptor(rawValue: requests.descriptor))
    }

    /// Has one packet taken.
    func turn() throws -> Outcome {
        loop.turn()
        var buffer = [UInt8](repeating: 0, count: MonitorMessage.most)
        do {
            let socket = FileDescriptor(rawValue: requests.descriptor)
            let received = try DescriptorPassing.receive(into: &buffer, room: 8, on: socket)
            let reply: (value: MonitorReply, version: Int)? = MonitorMessage.decode(buffer[..<received.count])
            return .answered(try #require(reply).value, received.descriptors)
        } catch Errno.wouldBlock {
            let status = try child.wait()
            #expect(status == .signaled(SIGKILL), "neither an answer nor the worker's end")
            return .ended
        }
    }

    /// - Returns: What is answered; fails when nothing is.
    @discardableResult
    func ask(_ request: MonitorRequest, _ passed: [Int32] = []) throws -> (MonitorReply, [DescriptorBox]) {
        guard case .answered(let reply, let descriptors) = try send(MonitorMessage.encode(request), passed) else {
            throw TestFailure("the worker is given up after \(request)")
        }
        return (reply, descriptors)
    }

    /// What is answered to a request that is refused; nil when it is not.
    func refusal(_ request: MonitorRequest, _ passed: [Int32] = []) throws -> Errno? {
        let (reply, descriptors) = try ask(request, passed)
        guard reply.error != 0 else { return nil }
        #expect(descriptors.isEmpty, "\(request) is refused, and something came along")
        return Errno(rawValue: reply.error)
    }

    /// The socket of a service.
    func open(_ service: Service) throws -> TestSocket {
        let (reply, descriptors) = try ask(.open(endpoint(service)))
        guard let socket = descriptors.first?.asTestSocket else { throw TestFailure("\(service): \(reply)") }
        return socket
    }

    /// The worker ends, and the next one begins.
    func replaceWorker() throws {
        queue([])
        loop.turn()
        try child.wait()
        desk.workerEnded(worker, .signaled(SIGKILL, coreDumped: false))
        (worker, child, requests) = try Self.worker(of: desk, loop: loop, instances: instances)
        desk.worker = worker
    }
}

extension EventLoop {
    func turn() {
        afterThisRound { self.stop() }
        try? run()
    }
}

extension DescriptorBox {
    /// Takes it out.
    var asTestSocket: TestSocket? {
        guard let descriptor = take() else { return nil }
        return TestSocket(adopting: descriptor.release())
    }
}

extension TestSocket {
    var cookie: UInt64 { Socket.cookie(of: FileDescriptor(rawValue: descriptor)) ?? 0 }

    /// How many descriptors of this process lead to it, its own one included.
    var copies: Int {
        let name = ProcessView.own.descriptors[descriptor]
        return ProcessView.own.descriptors.values.count { $0 == name }
    }
}

/// A process that is the child of a child, so nobody's here; with its group, which it leads.
final class Stranger {
    let pid: Int32
    private let parent: TestProcess

    init() throws {
        let output = try Socket.pair(.stream)
        parent = try TestProcess(
            "sh", ["-c", "setsid sleep 1000 & echo $!; wait"], descriptors: [0, output.theirs.rawValue, 2])
        let line = try TestSocket(adopting: dup(output.ours.rawValue)).receiveLine()
        let pid = try #require(Int32(line))
        self.pid = pid
        // The shell has told before the group is made.
        guard eventually({ ProcessView(pid: pid).processGroup == pid }) else { throw TestFailure("no group") }
    }

    deinit { kill(pid, SIGKILL) }

    var isAlive: Bool { ProcessView(pid: pid).isAlive }
}
