import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A roster whose writer was killed, whatever it was at.
@Suite struct KilledRosterTests {
    @Test("what is there is whole, and what had been there before the last changes is there")
    func killed() throws {
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        for _ in 0..<40 {
            let memory = try Roster.memory(entries: 16)
            let writer = try TestProcess(
                Repository.product("baton-roster-writer"), [], descriptors: [null, null, null, memory.rawValue])
            let moment = UInt64.random(in: 1000...4000)
            #expect(try eventually { try RosterContent(of: memory.borrowed).lastConnection >= moment })
            try writer.signal(SIGKILL)
            #expect(try writer.wait() == .signaled(SIGKILL))

            let content = try RosterContent(of: memory.borrowed)
            for connection in content.connections { #expect(connection == Self.whole(connection.id)) }
            let last = content.lastConnection
            // One was being written, and the one that it takes the place of had left.
            let expected = Set(last - 6...last)
            let found = Set(content.connections.map(\.id))
            #expect(expected.isSubset(of: found) && found.isSubset(of: expected.union([last - 7, last + 1])))
        }
    }

    private static func whole(_ number: UInt64) -> RosterConnection {
        var connection = RosterConnection()
        (connection.handler, connection.id, connection.origin.number) = (number, number, number)
        connection.origin.accepted = .nanoseconds(Int64(number))
        connection.origin.listener = RosterName(hash: number)
        connection.origin.socket = number
        connection.origin.statedLocal = .ipv6(
            IPv6Address(high: number, low: number), port: UInt16(truncatingIfNeeded: number))
        connection.origin.source = .user(UInt32(truncatingIfNeeded: number))
        return connection
    }
}
