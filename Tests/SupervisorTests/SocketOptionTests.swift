import LinuxSystem
import SystemPackage
import Testing

@testable import ServiceTable
@testable import Supervisor

/// Every option of the table, read back from the kernel: of the listener, and of a connection where it counts there.
@Suite struct SocketOptionTests {
    private static let dual = SocketAddress.ipv6(.any, port: 0, scope: 0)
    private static let ipv4 = SocketAddress.ipv4(.loopback, port: 0)
    private static let ipv6 = SocketAddress.ipv6(.loopback, port: 0, scope: 0)

    private func endpoint(
        _ kind: Endpoint.Kind, _ address: SocketAddress, _ set: (inout SocketOptions) -> Void
    ) -> Endpoint {
        var endpoint = Endpoint(name: "e", kind: kind, address: address, ipv6Only: address == Self.ipv6)
        set(&endpoint.options)
        return endpoint
    }

    private struct Readings: Equatable {
        var listener: [Int]
        var connection: [Int]
    }

    /// The options of a TCP listener and of a connection that was accepted from it.
    private func readings(
        _ address: SocketAddress, of options: [SocketOption], _ set: (inout SocketOptions) -> Void
    ) throws -> Readings {
        let endpoint = endpoint(.tcp, address, set)
        let listener = try SocketBinding.open(endpoint)
        var target = try Socket.localAddress(of: listener.borrowed)
        if case .ipv6(.any, let port, _) = target { target = .ipv4(.loopback, port: port) }
        let client = try Socket.connected(to: target)
        // What is deferred comes with the first byte only.
        _ = try DescriptorPassing.send([1], on: client.borrowed)
        try Socket.setNonblocking(listener.borrowed, false)
        let accepted = try SocketBinding.accept(listener.borrowed, priority: endpoint.options.priority)
        return Readings(
            listener: try options.map { try Socket.value($0, of: listener.borrowed) },
            connection: try options.map { try Socket.value($0, of: accepted.descriptor.borrowed) })
    }

    @Test("tos and ttl hold for IPv4 and IPv6, both on a dual-stack socket, and for connections")
    func service() throws {
        let four: [SocketOption] = [.typeOfService, .timeToLive]
        let six: [SocketOption] = [.trafficClass, .hopLimit]
        for (address, options) in [(Self.ipv4, four), (Self.ipv6, six), (Self.dual, four + six)] {
            let found = try readings(address, of: options) {
                $0.tos = 0x10
                $0.ttl = 33
            }
            let expected = options.map { $0 == .typeOfService || $0 == .trafficClass ? 0x10 : 33 }
            #expect(found == Readings(listener: expected, connection: expected), "\(address)")
        }
    }

    @Test("priority holds for connections too, which do not inherit it, and over the one that tos brings")
    func priority() throws {
        for address in [Self.ipv4, Self.dual] {
            let found = try readings(address, of: [.priority]) {
                $0.tos = 0x10
                $0.priority = 5
            }
            #expect(found == Readings(listener: [5], connection: [5]))
        }
    }

    @Test("keep_alive with its times and count, and no_delay, hold for connections")
    func keepAlive() throws {
        let options: [SocketOption] = [.keepAlive, .keepAliveIdle, .keepAliveInterval, .keepAliveCount, .noDelay]
        let found = try readings(Self.dual, of: options) {
            $0.keepAlive = .init(isOn: true, idle: 77, interval: 7, count: 3)
            $0.noDelay = true
        }
        #expect(found == Readings(listener: [1, 77, 7, 3, 1], connection: [1, 77, 7, 3, 1]))
    }

    @Test("defer_accept and fast_open hold for the listener")
    func handshake() throws {
        let found = try readings(Self.ipv4, of: [.deferAccept, .fastOpen]) {
            $0.deferAccept = 1
            $0.fastOpen = 16
        }
        #expect(found.listener == [1, 16])
    }

    @Test("defer_accept: a connection without data is not accepted yet")
    func deferred() throws {
        let listener = try SocketBinding.open(endpoint(.tcp, Self.ipv4) { $0.deferAccept = 60 })
        let client = try Socket.connected(to: Socket.localAddress(of: listener.borrowed))
        #expect(throws: Errno.wouldBlock) { _ = try Socket.accept(listener.borrowed).peer }
        _ = try DescriptorPassing.send([1], on: client.borrowed)
        try Socket.setNonblocking(listener.borrowed, false)
        _ = try Socket.accept(listener.borrowed).peer
    }

    @Test("congestion and interface hold by name, for connections too", arguments: [ipv4, dual])
    func names(address: SocketAddress) throws {
        let endpoint = endpoint(.tcp, address) {
            $0.congestion = "reno"
            $0.interface = "lo"
        }
        let listener = try SocketBinding.open(endpoint)
        let port = try Socket.localAddress(of: listener.borrowed).port.map { UInt16(clamping: $0) } ?? 0
        let client = try Socket.connected(to: .ipv4(.loopback, port: port))
        try Socket.setNonblocking(listener.borrowed, false)
        let accepted = try SocketBinding.accept(listener.borrowed, priority: endpoint.options.priority)
        for socket in [listener.borrowed, accepted.descriptor.borrowed] {
            #expect(try Socket.text(.congestion, of: socket) == "reno")
            #expect(try Socket.text(.interface, of: socket) == "lo")
        }
        _ = consume client
    }

    @Test("mark and transparent hold for connections, where the process may set them", .enabled(if: isPrivileged))
    func privileged() throws {
        for (address, transparent) in [(Self.ipv4, SocketOption.transparent), (Self.dual, .transparent6)] {
            let found = try readings(address, of: [.mark, transparent]) {
                $0.mark = .max
                $0.transparent = true
            }
            #expect(found == Readings(listener: [-1, 1], connection: [-1, 1]), "\(address)")
        }
    }

    @Test("buffers hold: the kernel doubles them")
    func buffers() throws {
        let found = try readings(Self.ipv4, of: [.receiveBuffer, .sendBuffer]) {
            $0.receiveBuffer = 20_000
            $0.sendBuffer = 30_000
        }
        #expect(found == Readings(listener: [40_000, 60_000], connection: [40_000, 60_000]))
    }

    @Test("broadcast holds for datagrams")
    func broadcast() throws {
        let socket = try SocketBinding.open(endpoint(.udp, Self.ipv4) { $0.broadcast = true })
        #expect(try Socket.value(.broadcast, of: socket.borrowed) == 1)
        let plain = try SocketBinding.open(endpoint(.udp, Self.ipv4) { _ in })
        #expect(try Socket.value(.broadcast, of: plain.borrowed) == 0)
    }

    @Test("joined groups are received, of IPv4 on a dual-stack socket as well")
    func multicast() throws {
        let groups = [
            MulticastGroup(address: .ipv4(try #require(IPv4Address("239.255.77.1")), port: 0), interface: "lo"),
            MulticastGroup(address: .ipv6(try #require(IPv6Address("ff01::4d:1")), port: 0, scope: 0)),
        ]
        let socket = try SocketBinding.open(
            endpoint(.udp, Self.dual) {
                $0.multicast = groups
                $0.interface = "lo"
            })
        // As the kernel writes the 32 bits there: in its own byte order.
        #expect(words(of: "/proc/net/igmp").contains(1.littleEndian == 1 ? "014DFFEF" : "EFFF4D01"))
        #expect(words(of: "/proc/net/igmp6").contains("ff0100000000000000000000004d0001"))
        _ = consume socket
    }

    @Test("what the kernel refuses is named by the table's key and the kernel's option")
    func refusals() throws {
        func failure(_ kind: Endpoint.Kind, _ set: (inout SocketOptions) -> Void) -> String {
            do throws(SocketBinding.Failure) {
                _ = try SocketBinding.open(endpoint(kind, Self.ipv4, set)).borrowed
                return "none"
            } catch {
                return "\(error.step): \(error.error)"
            }
        }
        #expect(failure(.tcp) { $0.interface = "nowhere0" } == "interface (SO_BINDTODEVICE): No such device")
        #expect(
            failure(.tcp) { $0.congestion = "slow" } == "congestion (TCP_CONGESTION): No such file or directory")
        let group = MulticastGroup(address: .ipv4(IPv4Address(bits: 0xef01_0203), port: 0), interface: "nowhere0")
        #expect(failure(.udp) { $0.multicast = [group] } == "multicast 239.1.2.3%nowhere0: No such device")
    }
}

/// CAP_NET_ADMIN.
private let isPrivileged: Bool = {
    let status = words(of: "/proc/self/status")
    guard let place = status.firstIndex(of: "CapEff:"), status.indices.contains(place + 1) else { return false }
    return UInt64(status[place + 1], radix: 16).map { $0 >> 12 & 1 == 1 } ?? false
}()

/// The words of a file of /proc.
private func words(of path: String) -> [String] {
    guard let contents = try? FileContents(path: path, most: 1 << 20) else { return [] }
    return String(decoding: contents.bytes, as: UTF8.self).split { $0.isWhitespace }.map(String.init)
}
