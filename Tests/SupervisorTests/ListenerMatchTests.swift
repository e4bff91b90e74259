import LinuxSystem
import Testing

@testable import ServiceTable
@testable import Supervisor

@Suite("Which passed socket becomes which listener")
struct ListenerMatchTests {
    private static let loopback = IPv4Address.loopback

    private func socket(
        _ name: String, _ port: UInt16, stored: String? = nil, kind: Endpoint.Kind = .tcp
    ) -> PassedSocket {
        PassedSocket(name: name, kind: kind, address: .ipv4(Self.loopback, port: port), storedFor: stored)
    }

    private func endpoint(_ name: String, _ port: UInt16, kind: Endpoint.Kind = .tcp) -> Endpoint {
        var endpoint = Endpoint()
        endpoint.name = name
        endpoint.kind = kind
        endpoint.address = .ipv4(Self.loopback, port: port)
        return endpoint
    }

    @Test("the address decides, whatever the names are")
    func address() {
        let sockets = [socket("a", 1), socket("b", 2), socket("c", 3, kind: .udp)]
        let endpoints = [endpoint("b", 1), endpoint("a", 2), endpoint("x", 3), endpoint("y", 3, kind: .udp)]
        #expect(ListenerMatch.assign(sockets, to: endpoints) == [0, 1, nil, 2])
    }

    @Test("a name takes no socket whose address another listener has")
    func nameAfterAddress() {
        let sockets = [socket("web", 80), socket("web", 443)]
        let endpoints = [endpoint("web", 81), endpoint("web", 443), endpoint("web", 80)]
        #expect(ListenerMatch.assign(sockets, to: endpoints) == [nil, 1, 0])
        #expect(ListenerMatch.assign(sockets, to: [endpoint("web", 81)]) == [0])
    }

    @Test("at one address the name decides")
    func sharedAddress() {
        let sockets = [socket("baton.1.a", 1, stored: "a"), socket("baton.2.b", 1, stored: "b")]
        #expect(ListenerMatch.assign(sockets, to: [endpoint("b", 1), endpoint("a", 1)]) == [1, 0])
    }

    @Test("what was ours is never taken by name alone, unless the kernel chose its port")
    func stored() {
        let sockets = [socket("baton.1.a", 4711, stored: "a")]
        #expect(ListenerMatch.assign(sockets, to: [endpoint("a", 1)]) == [nil])
        #expect(ListenerMatch.assign(sockets, to: [endpoint("b", 0)]) == [nil])
        #expect(ListenerMatch.assign(sockets, to: [endpoint("b", 0), endpoint("a", 0)]) == [nil, 0])
        #expect(ListenerMatch.assign(sockets, to: [endpoint("b", 4711)]) == [0])
    }

    @Test("the wildcard of IPv6 is another place with V6ONLY than without; that of IPv4 is our own fallback only")
    func wildcards() {
        var all = endpoint("a", 80)
        all.address = .ipv6(.any, port: 80)
        all.anyFamily = true
        var six = all
        (six.anyFamily, six.ipv6Only) = (false, true)
        var socket = PassedSocket(name: "x", kind: .tcp, address: .ipv6(.any, port: 80))
        #expect(ListenerMatch.assign([socket], to: [six, all]) == [nil, 0])
        socket.ipv6Only = true
        #expect(ListenerMatch.assign([socket], to: [all, six]) == [nil, 0])
        var four = PassedSocket(name: "x", kind: .tcp, address: .ipv4(.any, port: 80))
        #expect(ListenerMatch.assign([four], to: [all]) == [nil])
        four.storedFor = "a"
        #expect(ListenerMatch.assign([four], to: [all]) == [0])
        #expect(ListenerMatch.assign([four], to: [six]) == [nil])
    }

    @Test("sockets of one address on two interfaces are told apart")
    func interfaces() {
        var first = endpoint("a", 80)
        var second = first
        (first.options.interface, second.options.interface) = ("eth0", "eth1")
        var sockets = [socket("x", 80), socket("x", 80), socket("x", 80)]
        (sockets[1].interface, sockets[2].interface) = ("eth1", "eth0")
        #expect(ListenerMatch.assign(sockets, to: [first, second, endpoint("a", 80)]) == [2, 1, 0])
    }
}
