import LinuxSystem
import SystemPackage
import Testing

@testable import ServiceTable
@testable import Supervisor

/// Options that change while a socket is bound, read back from the kernel.
@Suite struct LiveSettingsTests {
    private static let addresses: [SocketAddress] = [
        .ipv4(.loopback, port: 0), .ipv6(.loopback, port: 0, scope: 0), .ipv6(.any, port: 0, scope: 0),
    ]

    private static let options: [Endpoint.Kind: [SocketOption]] = [
        .tcp: [
            .reusePort, .mark, .priority, .keepAlive, .keepAliveIdle, .keepAliveInterval, .keepAliveCount, .noDelay,
            .deferAccept, .fastOpen,
        ],
        .udp: [.reusePort, .mark, .priority, .broadcast],
    ]
    private static let ipv4: [SocketOption] = [.typeOfService, .timeToLive, .freeBind, .transparent]
    private static let ipv6: [SocketOption] = [.trafficClass, .hopLimit, .freeBind6, .transparent6]

    private static func all(of kind: Endpoint.Kind) -> SocketOptions {
        var options = SocketOptions()
        (options.reusePort, options.freeBind, options.transparent) = (true, true, true)
        (options.mark, options.priority, options.tos, options.ttl) = (7, 5, 16, 33)
        options.interface = "lo"
        switch kind {
        case .tcp:
            options.keepAlive = SocketOptions.KeepAlive(isOn: true, idle: 77, interval: 7, count: 3)
            (options.noDelay, options.deferAccept, options.fastOpen) = (true, 3, 9)
            options.congestion = "reno"
            options.backlog = 9
        default:
            options.broadcast = true
        }
        return options
    }

    private struct Readings: Equatable {
        var numbers: [Int]
        var interface: String
        var congestion: String?
    }

    private func readings(_ socket: FileDescriptor, _ kind: Endpoint.Kind, _ address: SocketAddress) throws -> Readings
    {
        let family = address.family == SocketAddress.ipv4(.any, port: 0).family ? Self.ipv4 : Self.ipv6
        return Readings(
            numbers: try ((Self.options[kind] ?? []) + family).map { try Socket.value($0, of: socket) },
            interface: try Socket.text(.interface, of: socket),
            congestion: kind == .tcp ? try Socket.text(.congestion, of: socket) : nil)
    }

    @Test(
        "every option comes and goes on a bound socket as if it had been bound so",
        arguments: [Endpoint.Kind.tcp, .udp])
    func comeAndGo(kind: Endpoint.Kind) throws {
        for address in Self.addresses {
            let plain = Endpoint(name: "e", kind: kind, address: address)
            var full = plain
            full.options = Self.all(of: kind)
            let first = try SocketBinding.open(plain)
            let second = try SocketBinding.open(full)
            let before = try readings(first.borrowed, kind, address)
            let wanted = try readings(second.borrowed, kind, address)
            #expect(before.numbers.count == wanted.numbers.count && before != wanted)
            #expect(LiveSettings.change(first.borrowed, from: plain, to: full, at: address).isEmpty)
            #expect(try readings(first.borrowed, kind, address) == wanted, "\(address)")
            #expect(LiveSettings.change(first.borrowed, from: full, to: plain, at: address).isEmpty)
            #expect(try readings(first.borrowed, kind, address) == before, "\(address)")
        }
    }

    @Test("groups are joined and left: a second join would be refused, and so would a second leave")
    func multicast() throws {
        let group = MulticastGroup(address: .ipv4(IPv4Address("239.1.2.3") ?? .any, port: 0), interface: "lo")
        let plain = Endpoint(name: "e", kind: .udp, address: .ipv4(.any, port: 0))
        var joined = plain
        joined.options.multicast = [group]
        let socket = try SocketBinding.open(plain)
        for _ in 0..<2 {
            #expect(LiveSettings.change(socket.borrowed, from: plain, to: joined, at: plain.address).isEmpty)
            #expect(LiveSettings.change(socket.borrowed, from: plain, to: joined, at: plain.address).count == 1)
            #expect(LiveSettings.change(socket.borrowed, from: joined, to: plain, at: plain.address).isEmpty)
            #expect(LiveSettings.change(socket.borrowed, from: joined, to: plain, at: plain.address).count == 1)
        }
    }

    @Test("a size that was set can be set anew, but not taken back")
    func buffers() throws {
        let plain = Endpoint(name: "e", kind: .tcp, address: .ipv4(.loopback, port: 0))
        var (small, large) = (plain, plain)
        small.options.receiveBuffer = 20_000
        large.options.receiveBuffer = 40_000
        let socket = try SocketBinding.open(small)
        #expect(LiveSettings.change(socket.borrowed, from: small, to: large, at: plain.address).isEmpty)
        #expect(try Socket.value(.receiveBuffer, of: socket.borrowed) == 80_000)
        let refused = LiveSettings.change(socket.borrowed, from: large, to: plain, at: plain.address)
        #expect(refused.count == 1 && refused[0].hasPrefix("receive_buffer (SO_RCVBUF): "), "\(refused)")
    }
}
