import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor

/// Whom a worker can have signalled, killed or followed: what is a child of the monitor or its own.
extension HostileWorkerTests {
    @Test("no signal goes to numbers that mean many, to the monitor, its worker or a process of somebody else's")
    func signals() throws {
        let bench = try DeskBench()
        let stranger = try Stranger()
        let strange = [0, 1, -1, .min, .max, getpid(), getppid(), bench.child.pid, stranger.pid, -stranger.pid]
        for pid in strange {
            for signal in [0, SIGCONT, -1, 64, .max] + (pid == stranger.pid ? [SIGKILL] : []) {
                #expect(try bench.refusal(.signal(pid, signal)) == .notPermitted, "\(pid)")
            }
        }
        for group in [0, 1, -1, .min, .max, getpgrp(), stranger.pid] {
            for signal in [0, SIGCONT] + (group == stranger.pid ? [SIGKILL] : []) {
                #expect(try bench.refusal(.signalGroup(group, signal)) == .notPermitted, "\(group)")
            }
        }
        #expect(stranger.isAlive && bench.child.isRunning && ProcessView(pid: bench.child.pid).isAlive)
    }

    @Test("what the monitor has in its own group is its own: no signal goes there")
    func ownGroup() throws {
        let bench = try DeskBench()
        let helper = try TestProcess("sleep", ["1000"], descriptors: [])
        #expect(try bench.refusal(.signal(helper.pid, SIGKILL)) == .notPermitted)
        #expect(ProcessView(pid: helper.pid).isAlive)
    }

    @Test("a child that leads a group is signalled, and its group")
    func children() throws {
        let bench = try DeskBench()
        for toGroup in [false, true] {
            let child = try TestProcess("setsid", ["sleep", "1000"], descriptors: [])
            #expect(eventually { ProcessView(pid: child.pid).processGroup == child.pid })
            #expect(try bench.refusal(.signal(child.pid, 0)) == nil)
            #expect(try bench.refusal(.signal(child.pid, .max)) == nil)
            let request = toGroup ? MonitorRequest.signalGroup(child.pid, SIGTERM) : .signal(child.pid, SIGTERM)
            #expect(try bench.refusal(request) == nil)
            #expect(try child.wait() == .signaled(SIGTERM))
        }
    }

    @Test("a process is followed when it is a child that lived at that moment, and nobody else waits for it")
    func follow() throws {
        let bench = try DeskBench()
        let stranger = try Stranger()
        let before = Clock.now() - .seconds(5)
        let child = try TestProcess("sleep", ["1000"], descriptors: [])
        for pid in [0, 1, -1, .min, .max, getpid(), getppid(), bench.child.pid, stranger.pid] {
            #expect(try bench.refusal(.follow(pid, since: Clock.now())) == .noSuchProcess, "\(pid)")
        }
        let longest = Duration.seconds(1 << 40)
        for moment in [before, .zero, .seconds(-1), .zero - longest] {
            #expect(try bench.refusal(.follow(child.pid, since: moment)) == .noSuchProcess, "\(moment)")
        }
        for _ in 0..<2 {
            #expect(try bench.refusal(.follow(child.pid, since: Clock.now())) == nil)
            #expect(try bench.refusal(.follow(child.pid, since: longest)) == nil)
        }

        let own = try TestProcess("sleep", ["1000"], descriptors: [])
        bench.instances.track(own.pid) { _ in }
        #expect(try bench.refusal(.follow(own.pid, since: Clock.now())) == .noSuchProcess, "the monitor waits for it")
    }

    // MARK: Handlers that registered

    @Test("nobody is killed over what is no registered channel: nothing, a pair, a connection of another's")
    func unregistered() throws {
        let bench = try DeskBench()
        let pair = try Socket.pair(.sequencedPacket)
        try bench.ask(.keep(1), [pair.ours.rawValue])
        let victim = try Listening(at: bench.directory.path("v.sock"))
        let socket = try victim.connect()
        try bench.ask(.keep(2), [socket.descriptor])
        for number in [0, 1, 2, 3, .max] as [UInt64] {
            #expect(try bench.refusal(.killRegistered(number)) == .notPermitted, "\(number)")
        }
        #expect(victim.isAlive)
    }

    @Test("a connection to somebody else is not taken for a registered channel because it is named like one")
    func forgedName() throws {
        let bench = try DeskBench()
        let victim = try Listening(at: bench.directory.path("v.sock"))
        let socket = try TestSocket(family: AF_UNIX, type: TestSocket.packets)
        try bench.withFreeName { try socket.bind(to: $0) }
        try victim.connect(socket)
        try bench.ask(.keep(1), [socket.descriptor])
        #expect(try bench.refusal(.killRegistered(1)) == .notPermitted)
        #expect(victim.isAlive)
    }

    @Test("the socket for registration is none that somebody registered over, and who listens there is not killed")
    func listener() throws {
        let bench = try DeskBench()
        let register = try #require(bench.sockets.register.borrowed).rawValue
        let victim = try Listening(on: register)
        try bench.ask(.keep(1), [register])
        #expect(try bench.refusal(.killRegistered(1)) == .notPermitted)
        #expect(victim.isAlive)
    }

    @Test("who registered is killed, whoever listens", .enabled(if: geteuid() == 0), arguments: [false, true])
    func registered(isStream: Bool) throws {
        let bench = try DeskBench()
        let listener = try #require((isStream ? bench.sockets.registerStream : bench.sockets.register).borrowed)
        let path = bench.directory.path(isStream ? "run/register.stream.sock" : "run/register.sock")
        let handler = try Python(
            "s = socket.socket(socket.AF_UNIX, \(isStream ? "socket.SOCK_STREAM" : "socket.SOCK_SEQPACKET"))",
            "s.connect('\(path)')")
        let channel = try TestSocket(adopting: dup(listener.rawValue)).accept()
        try bench.ask(.keep(1), [channel.descriptor])
        #expect(try bench.refusal(.killRegistered(1)) == nil)
        #expect(try handler.process.wait() == .signaled(SIGKILL))
    }
}

/// A program that does something and waits.
private struct Python {
    let process: TestProcess

    init(_ lines: String..., descriptors: [Int32] = [0]) throws {
        let output = try Socket.pair(.stream)
        let text = ["import signal, socket"] + lines + ["print('done', flush=True)", "signal.pause()"]
        process = try TestProcess(
            "python3", ["-c", text.joined(separator: "\n")],
            descriptors: [descriptors[0], output.theirs.rawValue, 2])
        let end = TestSocket(adopting: try check("dup") { dup(output.ours.rawValue) })
        guard try end.receiveLine() == "done" else { throw TestFailure("it is not done") }
    }
}

/// Somebody who listens, and whom the kernel names to those who connect.
private struct Listening {
    private let python: Python
    private let path: String?

    init(at path: String) throws {
        self.path = path
        python = try Python(
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)", "s.bind('\(path)')", "s.listen(8)")
    }

    /// On a socket that is there.
    init(on socket: Int32) throws {
        path = nil
        python = try Python("s = socket.socket(fileno=0)", "s.listen(8)", descriptors: [socket])
    }

    func connect(_ socket: TestSocket) throws {
        try socket.connect(to: SocketName(unix: try #require(path)))
    }

    func connect() throws -> TestSocket {
        let socket = try TestSocket(family: AF_UNIX, type: TestSocket.packets)
        try connect(socket)
        return socket
    }

    var isAlive: Bool { ProcessView(pid: python.process.pid).isAlive }
}

extension DeskBench {
    /// Calls `body` with the name of the socket for registration, which can be bound once more there.
    fileprivate func withFreeName(_ body: (SocketName) throws -> Void) throws {
        guard let register = sockets.register.borrowed,
            case .unix(let name) = try Socket.localAddress(of: register)
        else { throw TestFailure("it has no name") }
        let path = directory.path("run/register.sock")
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        try body(SocketName(unix: name))
    }
}
