import Glibc
import LinuxSystem
import Testing

@testable import Supervisor

@Suite("Telling a service manager")
struct NotifierTests {
    private let path = "/tmp/baton-notify-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    /// What a notifier that is told `drive` says, each message by its lines.
    private func messages(_ drive: (Notifier) -> Void) throws -> [[String]] {
        defer { unlink(path) }
        let address = SocketAddress.unix(path: path)
        let socket = try Socket.make(family: address.family, .datagram)
        try Socket.bind(socket.borrowed, to: address)
        var environment = ManagerEnvironment()
        environment.notifySocket = address
        let notifier = try #require(Notifier(environment, loop: EventLoop()))
        notifier.summary = { "well" }
        drive(notifier)
        var messages: [[String]] = []
        while let datagram = try? Datagrams.receive(from: socket.borrowed, most: 4096) {
            messages.append(String(decoding: datagram.bytes, as: UTF8.self).split(separator: "\n").map(String.init))
        }
        return messages
    }

    @Test("a reload: RELOADING=1 with the time on the manager's clock (Type=notify-reload), then READY=1")
    func reload() throws {
        let before = Clock.now()
        let said = try messages {
            $0.reloading()
            $0.ready()
        }
        #expect(said.map(\.first) == ["RELOADING=1", "READY=1"])
        #expect(said.map(\.last) == ["STATUS=reloading", "STATUS=well"])
        let time = try #require(said[0][1].split(separator: "=").last.flatMap { Int64($0) })
        #expect(said[0][1].hasPrefix("MONOTONIC_USEC="))
        #expect((before - .microseconds(1)...Clock.now()).contains(.microseconds(time)))
    }

    @Test("regression: a manager that does not read holds up no upgrade with what will be said anew")
    func unread() throws {
        _ = try messages {
            for _ in 0..<1000 { $0.relay("STATUS=busy") }
            #expect($0.isAtRest)
            $0.relay("FDSTOREREMOVE=1\nFDNAME=x")
            #expect(!$0.isAtRest)
        }
    }

    @Test("the end, and a start that failed; a line of status stays one")
    func endings() throws {
        let said = try messages {
            $0.stopping()
            $0.failing(why: "a\nREADY=1", status: 78, error: .noSpace)
        }
        #expect(said == [["STOPPING=1", "STATUS=well"], [#"STATUS=a\nREADY=1"#, "EXIT_STATUS=78", "ERRNO=28"]])
    }
}
