import Glibc
import SystemPackage
import Testing

@testable import LinuxSystem

@Suite struct RosterTests {
    private static func origin(_ number: UInt64, peer: SocketAddress = .ipv4(.loopback, port: 7)) -> RosterOrigin {
        var origin = RosterOrigin()
        origin.number = number
        origin.accepted = .nanoseconds(5_000_000_001)
        origin.listener = RosterName("web")
        origin.socket = 77
        origin.transport = 2
        origin.peer = peer
        origin.statedLocal = .ipv6(.loopback, port: 9, scope: 3)
        origin.isTouched = true
        (origin.passes, origin.deliveries) = (8, 2)
        origin.source = .block(length: 24)
        origin.isInstance = true
        return origin
    }

    private static func connection(_ number: UInt64) -> RosterConnection {
        var connection = RosterConnection()
        (connection.handler, connection.id, connection.isPassed) = (3, number, true)
        connection.origin = origin(number)
        return connection
    }

    private static let handler: RosterHandler = {
        var handler = RosterHandler()
        (handler.pid, handler.number, handler.service) = (4711, 3, RosterName("web"))
        (handler.began, handler.sent, handler.acknowledged) = (.seconds(9), 12, 11)
        (handler.slot, handler.capacity, handler.traits) = (1, 64, 2)
        (handler.isSupervised, handler.life) = (true, RosterHandler.Life(state: 3, flags: 17))
        return handler
    }()

    private static let process: RosterProcess = {
        var process = RosterProcess()
        (process.pid, process.service, process.began) = (4712, RosterName("web"), .milliseconds(1500))
        (process.isWait, process.origin) = (true, origin(5))
        return process
    }()

    private static let log: RosterLog = {
        var log = RosterLog()
        (log.number, log.service) = (1 << 63 | 1, RosterName("web"))
        return log
    }()

    @Test("what is entered is read, of each kind, by who has the memory only")
    func roundTrip() throws {
        let memory = try Roster.memory()
        let roster = try Roster(writing: memory.borrowed)
        _ = roster.enter(Self.handler)
        _ = roster.enter(Self.connection(1))
        _ = roster.enter(Self.process)
        _ = roster.enter(Self.log)
        roster.lastConnection(is: 90)
        roster.lastHandler(is: 80)
        let content = try RosterContent(of: memory.borrowed)
        #expect(content.handlers == [Self.handler] && content.connections == [Self.connection(1)])
        #expect(content.processes == [Self.process] && content.logs == [Self.log])
        #expect(content.lastConnection == 90 && content.lastHandler == 80)
    }

    @Test(
        "a peer of each family comes back; of a Unix-domain name as much as there is room for",
        arguments: [
            (SocketAddress.ipv4(.loopback, port: 65_535), SocketAddress.ipv4(.loopback, port: 65_535)),
            (.ipv6(.loopback, port: 1, scope: 4), .ipv6(.loopback, port: 1, scope: 4)),
            (.vsock(cid: 3, port: .max), .vsock(cid: 3, port: .max)),
            (.unix(path: ""), .unix(path: "")), (.abstract(name: "client"), .abstract(name: "client")),
            (.unix(path: "/run/sixteen-bytes-and-more"), .unix(path: "/run/sixteen-byt")),
        ])
    func peers(peer: SocketAddress, read: SocketAddress) throws {
        let memory = try Roster.memory(entries: 1)
        var connection = Self.connection(1)
        connection.origin.peer = peer
        _ = try Roster(writing: memory.borrowed).enter(connection)
        #expect(try RosterContent(of: memory.borrowed).connections.map(\.origin.peer) == [read])
    }

    @Test(
        "what it counts against comes back",
        arguments: [nil, .uncounted, .block(length: 64), .user(5), .machine(6), .nobody] as [RosterOrigin.Source?])
    func sources(source: RosterOrigin.Source?) throws {
        let memory = try Roster.memory(entries: 1)
        var connection = Self.connection(1)
        (connection.origin.source, connection.origin.statedLocal) = (source, nil)
        _ = try Roster(writing: memory.borrowed).enter(connection)
        #expect(try RosterContent(of: memory.borrowed).connections == [connection])
    }

    @Test("a place that is left is taken again; one too many is not entered, and nothing else happens")
    func places() throws {
        let memory = try Roster.memory(entries: 2)
        let roster = try Roster(writing: memory.borrowed)
        let first = try #require(roster.enter(Self.connection(1)))
        _ = roster.enter(Self.connection(2))
        #expect(roster.enter(Self.connection(3)) == nil)
        roster.leave(first)
        #expect(try RosterContent(of: memory.borrowed).connections == [Self.connection(2)])
        #expect(roster.enter(Self.connection(4)) != nil)
        #expect(
            try RosterContent(of: memory.borrowed).connections == [Self.connection(4), Self.connection(2)])
    }

    @Test("what changes of a handler and of a connection")
    func changes() throws {
        let memory = try Roster.memory(entries: 2)
        let roster = try Roster(writing: memory.borrowed)
        let place = try #require(roster.enter(Self.handler))
        let connection = try #require(roster.enter(Self.connection(1)))
        var expected = Self.handler
        func look(_ comment: Comment) throws {
            #expect(try RosterContent(of: memory.borrowed).handlers == [expected], comment)
        }
        roster.handler(place, isSent: 13)
        (expected.sent, expected.isUnsure) = (13, true)
        try look("it is being sent to")
        roster.handler(place, wasSent: 12)
        (expected.sent, expected.isUnsure) = (12, false)
        try look("it could not be sent to")
        roster.handler(place, isRead: true)
        expected.isUnsure = true
        try look("it is being read")
        roster.handler(place, isRead: false)
        roster.handler(place, hasAcknowledged: 12)
        roster.handler(place, slot: 5)
        roster.handler(place, capacity: 6, traits: 1)
        roster.handler(place, life: RosterHandler.Life(state: 1, flags: 2))
        (expected.isUnsure, expected.acknowledged, expected.slot) = (false, 12, 5)
        (expected.capacity, expected.traits, expected.life) = (6, 1, RosterHandler.Life(state: 1, flags: 2))
        try look("the rest")
        roster.connection(connection, isPassed: false)
        #expect(try RosterContent(of: memory.borrowed).connections.map(\.isPassed) == [false])
    }

    @Test("nobody can cut the memory, or make it longer")
    func sealed() throws {
        let memory = try Roster.memory()
        #expect(ftruncate(memory.rawValue, 0) == -1 && errno == EPERM)
        #expect(ftruncate(memory.rawValue, 1 << 30) == -1 && errno == EPERM)
    }

    @Test("what is no roster is refused")
    func noRoster() throws {
        let other = try OwnedDescriptor.sealedFile([UInt8](repeating: 0, count: 8192), name: "t")
        #expect(throws: Errno.invalidArgument) { try RosterContent(of: other.borrowed) }
        let short = try OwnedDescriptor.sealedFile([1], name: "t")
        #expect(throws: Errno.invalidArgument) { try RosterContent(of: short.borrowed) }
        #expect(throws: Errno.invalidArgument) { _ = try Roster(writing: short.borrowed) }
    }

    @Test("any bytes behind a head that is right are read, and never trap")
    func hostile() throws {
        let memory = try Roster.memory(entries: 16)
        let roster = try Roster(writing: memory.borrowed)
        for number in 1...16 { _ = roster.enter(Self.connection(UInt64(number))) }
        let bytes = try memory.borrowed.contents(most: 1 << 20)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var changed = bytes
            for index in 16..<changed.count where index < 40 || index >= 4096 {
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    changed[index] = .random(in: 0...255, using: &generator)
                }
            }
            // Kinds that are known, so that the rest is read as one of them.
            for place in 0..<16 { changed[4096 + place * 128] = .random(in: 0...5, using: &generator) }
            for place in 0..<16 { for byte in 1..<4 { changed[4096 + place * 128 + byte] = 0 } }
            let content = try RosterContent(reading: changed)
            #expect(content.connections.count + content.handlers.count <= 16)
        }
        for count in 4096..<bytes.count where count % 61 == 0 {
            #expect(try RosterContent(reading: Array(bytes[..<count])).connections.count == (count - 4096) / 128)
        }
    }

    @Test("a process is known by its number, its parent and the time of its birth")
    func births() throws {
        let mine = try #require(ProcessBirth(of: getpid()))
        #expect(mine.parent == getppid() && mine.isBefore(Clock.now()))
        #expect(!mine.isBefore(.zero - .seconds(1 << 30)))
        #expect(ProcessBirth(of: Int32.max) == nil)
        let named = ProcessBirth(stat: Array("7 (a) S 1 (b) R 42 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 100 0".utf8))
        #expect(named?.parent == 42)
    }
}
