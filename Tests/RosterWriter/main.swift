// Writes into the roster on descriptor 3 until it is killed. Each entry says the same in each of its fields.

import LinuxSystem
import SystemPackage

let roster = try Roster(writing: FileDescriptor(rawValue: 3))
var places: [Roster.Place?] = Array(repeating: nil, count: 8)
for number in UInt64(1)... {
    var connection = RosterConnection()
    (connection.handler, connection.id, connection.origin.number) = (number, number, number)
    connection.origin.accepted = .nanoseconds(Int64(number))
    connection.origin.listener = RosterName(hash: number)
    connection.origin.socket = number
    connection.origin.statedLocal = .ipv6(
        IPv6Address(high: number, low: number), port: UInt16(truncatingIfNeeded: number))
    connection.origin.source = .user(UInt32(truncatingIfNeeded: number))
    let index = Int(number % 8)
    if let place = places[index] { roster.leave(place) }
    places[index] = roster.enter(connection)
    roster.lastConnection(is: number)
}
