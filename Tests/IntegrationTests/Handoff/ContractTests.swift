import Foundation
import TestSupport
import Testing

/// The handoff protocol, row by row, and the tests that hold Baton to it.
@Suite struct ContractTests {
    /// A rule, and the descriptions of its tests.
    private static let rows: [(rule: String, tests: [String])] = [
        // Channels
        (
            "a supervised handler's channel, BATON_CHANNEL",
            ["a handler has /dev/null on 0, the log on 1 and 2, its channel"]
        ),
        (
            "registered over seqpacket, stream and datagram",
            ["the way of a connection is the same over every kind of channel"]
        ),
        (
            "names of bound datagram sockets are not used",
            ["only one end of a nameless socketpair(SOCK_DGRAM) is taken"]
        ),
        (
            "the connection of a datagram channel is its sign of life",
            [
                "gone is a datagram channel that nobody holds", "a datagram handler whose pair is closed soon after",
                "a message beside the datagram channel",
            ]
        ),
        (
            "who may register: the default, lists, the overflow uid",
            [
                "by default root, the supervisor's user and the service's", "a list is the whole list",
                "the overflow uid may be anybody's", "a uid on no list is closed at accept",
            ]
        ),
        (
            "16 unregistered connections a uid, 5 s each; 64 handlers a service",
            [
                "who connects and says nothing is let go after a while; at most 16 a user wait",
                "64 handlers may be registered for a service",
            ]
        ),
        ("SO_SNDBUF of at least 256 KiB", ["a channel has a send buffer of at least 256 KiB"]),
        ("at most 64 unacknowledged batons", ["at most 64 unacknowledged batons stand on a channel"]),
        // Messages
        (
            "the header, host byte order, limits of fields",
            [
                "The layout is that of the contract, byte for byte", "A field over its limit is not encoded",
            ]
        ),
        (
            "descriptors: BATON and PASS one, REGISTER for a datagram channel, others none",
            [
                "Descriptors: BATON and PASS have one, REGISTER may, the rest have none",
                "a surplus descriptor is a protocol error and is not leaked",
            ]
        ),
        (
            "on a stream a descriptor belongs to a message that begins in its call",
            [
                "each PASS gets its own descriptor, however the stream is cut",
                "messages and descriptors that arrive together, or in pieces",
                "a dropped descriptor is that of the PASS that begins in the call",
            ]
        ),
        (
            "a protocol error closes the channel, and nothing else is affected",
            [
                "a protocol error closes that channel", "What a handler must not send is refused for its own reason",
                "the end of its messages before the end of the channel", "anything before REGISTER is rejected",
            ]
        ),
        ("text from outside is cut and escaped in events", ["text from outside is cut at 256 bytes"]),
        (
            "REGISTER: version, traits, capacity, name",
            [
                "an unknown service, one without handoff, one that is closed and a wrong version are rejected",
                "trait 2: a handler that sends no DONE", "one that serves in the thread of its channel gets no PING",
                "a handler that sends no DONE is not taken",
            ]
        ),
        (
            "ACK is cumulative",
            [
                "ids rise by one from 1, and an ACK acknowledges all up to it",
                "An ACK that goes back or says the same again is ignored",
            ]
        ),
        (
            "DONE gives places back, and acknowledges",
            ["DONE ends what is held, and acknowledges what is not, itself alone"]
        ),
        ("PONG", ["a PING, then the timeout"]),
        ("CAPACITY", ["capacity: no more than it, the rest in the queue; CAPACITY changes it"]),
        ("DRAIN from the handler", ["a handler that asks to drain gets no more and finishes what it has"]),
        ("STATUS", ["STATUS is shown by baton status"]),
        (
            "NACK: back to the front, no delivery, a second of rest",
            [
                "a baton that a handler could not take goes to another one at once",
                "A NACK returns one baton; the ACK after it takes the others",
            ]
        ),
        (
            "NACK of what is acknowledged, ACK and DONE of what was not sent, DONE twice",
            [
                "NACK of an acknowledged, done or already returned baton is an error",
                "ACK, DONE and NACK of what was not sent are errors",
                "DONE of what is done, or was returned, is an error",
            ]
        ),
        ("WELCOME", ["WELCOME tells version 1 and the heartbeat interval"]),
        (
            "BATON: number, names, drained bytes, PROXY header, flags",
            [
                "a connection arrives with its number and names", "PASS by name: number, drained bytes",
                "when a handler dies, what it had not acknowledged goes to the next in order",
            ]
        ),
        (
            "DRAIN from the supervisor",
            [
                "when the supervisor stops, the handler is told to drain",
                "TERM: the handler is told to drain, ends by itself",
                "what it holds has ended with it only if it was to end, and ended well",
            ]
        ),
        ("REJECT", ["a refused datagram registration hears REJECT"]),
        // PASS
        (
            "PASS to a service in pass_to, or with an empty name",
            [
                "PASS by name: number, drained bytes", "PASS with an empty name reaches another handler",
                "PASS to a service that pass_to does not name is refused",
            ]
        ),
        (
            "a connection from elsewhere has the top bit set",
            ["a connection from elsewhere, by a number with the top bit"]
        ),
        (
            "the target's admission; PASSED with a reason",
            [
                "PASS to a service whose queue is full is refused: queue_full",
                "what a script passes is subject to the target's",
            ]
        ),
        ("at most 8 times in its life", ["a connection is passed at most 8 times"]),
        (
            "only a connected stream or seqpacket socket; addresses are never the handler's word",
            [
                "only a connected stream or seqpacket socket is taken", "another socket under the number of a BATON",
            ]
        ),
        ("a script sends PASS as its first message", ["PASS by hand: its number has the top bit set"]),
        (
            "drained bytes reach exec, internal services and fronts",
            [
                "an exec service gets drained bytes first", "an internal service gets drained bytes first",
                "a connection that a handler passes back to the front is routed by what it has drained",
            ]
        ),
        // What the supervisor promises
        (
            "1. nothing is lost on the way",
            [
                "a killed handler is started again, and connections in between wait for it",
                "a handler whose descriptor table is full refuses and everybody is served in the end",
            ]
        ),
        (
            "2. nothing is delivered twice",
            [
                "a child that left the group keeps the channel",
                "a connection that a handler touched and did not acknowledge is cut",
                "the child is killed with the handler's group",
                "a registered handler that hangs is killed where the table says",
                "regression: what a handler acknowledges behind a message that breaks the protocol",
                "over a pair whose registration connection is closed nothing can be acknowledged",
            ]
        ),
        (
            "3. a full channel is not an error",
            [
                "a handler that does not read fills its channel",
                "2,000 connections to a handler that does not read its channel",
            ]
        ),
        (
            "4. a poison pill is given up",
            [
                "a connection that kills max_deliveries handlers is given up",
                "a connection whose first bytes kill whoever looks at them is found and given up",
            ]
        ),
        ("5. a slow service slows its own clients only", ["a full queue makes the listener leave the poll set"]),
        ("6. first come, first passed", ["first come, first passed", "what comes back goes to the front"]),
        (
            "7. the ACK is prompt; the mode before each delivery",
            [
                "A connection is acknowledged before a byte of it is read", "PASS by name: number, drained bytes",
            ]
        ),
        (
            "hold: done",
            [
                "a connection that was acknowledged and not touched goes to the next handler",
                "the supervisor's copy lives until DONE", "regression: drained bytes may be acted on",
            ]
        ),
        // Liveness
        (
            "process, channel and heartbeat are kept apart",
            [
                "gone takes both, the hang-up and the exit", "the supervisor's own running time counts",
                "a hung handler becomes unresponsive, is killed", "unresponsive: wait leaves it alone",
            ]
        ),
        (
            "NOTIFY_SOCKET for wait handlers",
            ["heartbeat: WATCHDOG_USEC is set", "messages of others, malformed and long ones"]
        ),
        ("the states", ["a supervised handler", "a registered handler that is waited for"]),
        (
            "start_timeout, backoff, failed",
            [
                "a handler that never registers is killed after start_timeout",
                "a handler that fails to start burst times makes the service failed",
                "a failed service is tried again at once",
                "exec beside handoff serves while the service is failed",
                "regression: exec beside handoff gets what waits, and what comes back",
                "starts that fail back off by doubling",
            ]
        ),
    ]

    @Test("every rule of the handoff protocol has its tests")
    func everyRule() throws {
        let root = URL(fileURLWithPath: Repository.path("Tests"))
        let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.allObjects ?? []
        let sources = try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
            .filter { $0.lastPathComponent != "ContractTests.swift" }.map {
                try String(contentsOf: $0, encoding: .utf8)
            }
        let all = sources.joined()
        for (rule, tests) in Self.rows {
            for test in tests { #expect(all.contains("\"\(test)"), "\(rule): no test begins with \(test)") }
        }
    }
}
