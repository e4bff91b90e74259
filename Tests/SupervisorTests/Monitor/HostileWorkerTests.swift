import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import ServiceTable
@testable import Supervisor

/// Whatever a worker asks, the monitor does what its table says: an answer, or the worker's end, and nothing else.
///
/// One after the other: they count descriptors, and fork.
@Suite(.serialized) struct HostileWorkerTests {
    // MARK: Listeners

    @Test("what is no endpoint of the table, as it stands there, is not bound")
    func endpoints() throws {
        let bench = try DeskBench()
        let port = try QuietPort.next()
        let changes: [(inout Endpoint) -> Void] = [
            { $0.address = .ipv4(.loopback, port: port) }, { $0.address = .ipv4(.any, port: 0) }, { $0.name = "x" },
            { $0.kind = .udp }, { $0.kind = .unixStream }, { $0.options.backlog += 1 }, { $0.ipv6Only.toggle() },
            { $0.address = .unix(path: bench.directory.path("x.sock")) }, { $0.options.reusePort = true },
            { $0.address = .unix(path: "/etc/passwd") }, { $0.address = .abstract(name: "x") },
        ]
        for change in changes {
            var endpoint = bench.endpoint(.tcp)
            change(&endpoint)
            #expect(try bench.refusal(.open(endpoint)) == .notPermitted, "\(endpoint)")
        }
        #expect(throws: TestFailure.self) { try TestSocket.tcp(port: port) }
        #expect(!FileManager.default.fileExists(atPath: bench.directory.path("x.sock")))
    }

    @Test("a listener does not become what is in no table, nor another listener; an unknown one becomes nothing")
    func changes() throws {
        let bench = try DeskBench()
        let listener = try bench.open(.tcp)
        var strange = bench.endpoint(.tcp)
        strange.options.backlog += 1
        #expect(try bench.refusal(.change(listener.cookie, to: strange)) == .notPermitted)
        for other in [DeskBench.Service.twin, .unix, .datagram] {
            #expect(try bench.refusal(.change(listener.cookie, to: bench.endpoint(other))) == .notPermitted, "\(other)")
        }
        for cookie in [0, 1, listener.cookie + 1, .max] {
            #expect(try bench.refusal(.change(cookie, to: bench.endpoint(.tcp))) == .badFileDescriptor)
        }
        #expect(try bench.refusal(.change(listener.cookie, to: bench.endpoint(.tcp))) == nil)
    }

    @Test("the next worker has each socket for the endpoint that it was bound for")
    func nextWorker() throws {
        let bench = try DeskBench()
        let cookies = try DeskBench.Service.allCases.map { try bench.open($0).cookie }
        for cookie in cookies {
            for service in DeskBench.Service.allCases {
                try bench.ask(.change(cookie, to: bench.endpoint(service)))
            }
        }
        try bench.replaceWorker()
        #expect(try DeskBench.Service.allCases.map { try bench.open($0).cookie } == cookies)
    }

    @Test("an endpoint is bound once, as often as a worker may ask and whatever it does to the socket")
    func once() throws {
        let bench = try DeskBench()
        for service in DeskBench.Service.allCases {
            let listener = try bench.open(service)
            try? listener.shutDown()
            for _ in 0..<3 {
                #expect(try bench.refusal(.open(bench.endpoint(service))) == .tooManyOpenFiles, "\(service)")
            }
            try bench.ask(.close(listener.cookie))
            listener.close()
            // The child that closes it is not waited for as long as a busy machine may take.
            #expect(try eventually { try bench.refusal(.open(bench.endpoint(service))) == nil }, "\(service)")
        }
    }

    @Test("a listener that nobody has is not closed, and one that was made a connection that lingers is, elsewhere")
    func closing() throws {
        let bench = try DeskBench()
        let listener = try bench.open(.tcp)
        let port = try listener.localPort
        for cookie in [0, 1, listener.cookie + 1, .max] { try bench.ask(.close(cookie)) }
        let cookie = listener.cookie
        let client = try TestSocket.tcp(port: port)
        try listener.accept().close()
        client.close()

        try listener.shutDown()
        let lingering = try Lingering(listener)
        #expect(listener.copies == 2)
        listener.close()
        try lingering.isNotWaitedFor { try bench.ask(.close(cookie)) }
    }

    // MARK: Files

    @Test("a log that the table does not have is not opened, nor one that it has as something else")
    func log() throws {
        let bench = try DeskBench()
        let path = bench.directory.path("baton.log")
        for strange in ["", "/", "/etc/passwd", path + "x", path + "/", bench.directory.path("./baton.log")] {
            #expect(try bench.refusal(.openLog(strange, isSocket: false)) == .notPermitted, "\(strange)")
        }
        for socket in [path, "/dev/log", "/run/systemd/journal/socket"] {
            #expect(try bench.refusal(.openLog(socket, isSocket: true)) == .notPermitted, "\(socket)")
        }
        #expect(!FileManager.default.fileExists(atPath: path + "x"))
        let (_, files) = try bench.ask(.openLog(path, isSocket: false))
        #expect(files.count == 1)
    }

    @Test("the control socket is shown to the table's group and to no other")
    func control() throws {
        let bench = try DeskBench()
        let path = bench.directory.path("run/control.sock")
        let mode = { try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int }
        for group in [getegid() + 1, 4, .max] {
            #expect(try bench.refusal(.showControl(to: group)) == .notPermitted)
        }
        #expect(try mode() == 0o600)
        #expect(try bench.refusal(.showControl(to: getegid())) == nil)
        #expect(try mode() == 0o660)
        #expect(try bench.refusal(.showControl(to: nil)) == nil)
        #expect(try mode() == 0o600)
    }

    @Test("no other program takes over from a monitor that is none, and nothing is in force that was not read")
    func states() throws {
        let bench = try DeskBench()
        #expect(try bench.refusal(.becomeNext) == .notSupported)
        for request in [.took, .giveUpReading(why: "x"), .took, .finishAdopting, .ready, .ready, .ending, .ended]
            as [MonitorRequest]
        {
            #expect(try bench.refusal(request) == nil, "\(request)")
        }
        _ = try bench.open(.tcp)
    }
}

/// A TCP socket whose last close waits: its peer takes nothing of what is unsent.
struct Lingering {
    private let listener: TestSocket
    private let peer: TestSocket
    private static let seconds: Int32 = 10

    /// - Parameter socket: Not connected yet.
    init(_ socket: TestSocket) throws {
        listener = try TestSocket.bound()
        try listener.setOption(SOL_SOCKET, SO_RCVBUF, Int32(1024))
        try listener.listen()
        _ = fcntl(socket.descriptor, F_SETFL, O_RDWR)
        try socket.connect(to: try SocketName(host: "127.0.0.1", port: listener.localPort))
        peer = try listener.accept()
        try socket.setOption(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: Self.seconds))
        let piece = [UInt8](repeating: 0, count: 65536)
        while Glibc.send(socket.descriptor, piece, piece.count, Int32(MSG_DONTWAIT)) > 0 {}
    }

    static func make() throws -> (TestSocket, Lingering) {
        let socket = try TestSocket(family: AF_INET, type: TestSocket.stream)
        return (socket, try Lingering(socket))
    }

    /// Runs `body`, in which the last close comes.
    func isNotWaitedFor(_ body: () throws -> Void) throws {
        let begin = ContinuousClock.now
        try body()
        #expect(ContinuousClock.now - begin < .seconds(Int64(Self.seconds) / 2), "it waits for a close")
        _ = peer
    }
}
