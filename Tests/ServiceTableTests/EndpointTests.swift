import LinuxSystem
import Testing

@testable import ServiceTable

@Suite("endpoints")
struct EndpointTests {
    private static let any6 = SocketAddress.ipv6(.any, port: 8080)

    @Test(
        "every way to write an address",
        arguments: [
            ("8080", Endpoint(kind: .tcp, address: any6, anyFamily: true)),
            ("\"8080\"", Endpoint(kind: .tcp, address: any6, anyFamily: true)),
            ("\"*:8080\"", Endpoint(kind: .tcp, address: any6, anyFamily: true)),
            ("\"tcp://*:8080\"", Endpoint(kind: .tcp, address: any6, anyFamily: true)),
            ("http", Endpoint(kind: .tcp, address: .ipv6(.any, port: 80), anyFamily: true)),
            ("127.0.0.1:8080", Endpoint(kind: .tcp, address: .ipv4(.loopback, port: 8080))),
            ("\"[::1]:0\"", Endpoint(kind: .tcp, address: .ipv6(.loopback, port: 0))),
            ("\"[::]:8080\"", Endpoint(kind: .tcp, address: any6)),
            ("\"[fe80::1%7]:80\"", Endpoint(kind: .tcp, address: .ipv6(IPv6Address("fe80::1")!, port: 80, scope: 7))),
            ("tcp4://*:8080", Endpoint(kind: .tcp, address: .ipv4(.any, port: 8080))),
            ("tcp6://*:8080", Endpoint(kind: .tcp, address: any6, ipv6Only: true)),
            ("'tcp6://[::1]:8080'", Endpoint(kind: .tcp, address: .ipv6(.loopback, port: 8080), ipv6Only: true)),
            ("/run/x.sock", Endpoint(kind: .unixStream, address: .unix(path: "/run/x.sock"))),
            ("unix:///run/x.sock", Endpoint(kind: .unixStream, address: .unix(path: "/run/x.sock"))),
            ("\"@name\"", Endpoint(kind: .unixStream, address: .abstract(name: "name"))),
            ("unix://@name", Endpoint(kind: .unixStream, address: .abstract(name: "name"))),
            ("unix+seqpacket:///s", Endpoint(kind: .unixSequencedPacket, address: .unix(path: "/s"))),
            ("vsock://*:5000", Endpoint(kind: .vsock, address: .vsock(cid: .max, port: 5000))),
            ("vsock://2:0", Endpoint(kind: .vsock, address: .vsock(cid: 2, port: .max))),
            ("{address: 8080, name: web}", Endpoint(name: "web", kind: .tcp, address: any6, anyFamily: true)),
        ])
    func forms(text: String, expected: Endpoint) throws {
        var expected = expected
        if expected.name.isEmpty { expected.name = "s" }
        #expect(try service("{listen: \(text), exec: /bin/cat}").endpoints == [expected])
    }

    @Test(
        "datagram endpoints",
        arguments: [
            ("udp://*:69", Endpoint(name: "s", kind: .udp, address: .ipv6(.any, port: 69), anyFamily: true)),
            ("udp4://*:69", Endpoint(name: "s", kind: .udp, address: .ipv4(.any, port: 69))),
            (
                "\"udp6://[::1]:69\"",
                Endpoint(name: "s", kind: .udp, address: .ipv6(.loopback, port: 69), ipv6Only: true)
            ),
            ("unix+dgram:///d", Endpoint(name: "s", kind: .unixDatagram, address: .unix(path: "/d"))),
        ])
    func datagrams(text: String, expected: Endpoint) throws {
        #expect(
            try service("{listen: '\(text.filter { $0 != "\"" })', wait: true, exec: /bin/cat}").endpoints == [expected]
        )
    }

    @Test(
        "what is no endpoint says why",
        arguments: [
            ("65536", "a port is 0 to 65535"), ("-1", "a port is 0 to 65535"),
            ("'070'", "a number does not begin with 0"),
            ("no-such-port", "/etc/services has no tcp port named no-such-port"),
            ("'::1:80'", "an IPv6 address stands in brackets, as in [::1]:80"),
            ("'[::1]'", "a port is missing, as in [::1]:80"), ("'[::1:80'", "a ] is missing"),
            ("'[::g]:80'", "[::g] is no IPv6 address"), ("':80'", "every address is *, as in *:80"),
            ("'10.1:80'", "10.1 is no host name and no address"),
            ("'1.2.3.256:80'", "1.2.3.256 is no host name and no address"),
            ("'a b:80'", "a b is no host name and no address"), ("'127.0.0.1:'", "a port is missing"),
            ("'tcp://127.0.0.1:80/'", "a port is a number or a name from /etc/services"),
            ("'tcp4://[::1]:80'", "that is an IPv6 address"), ("'tcp6://127.0.0.1:80'", "that is an IPv4 address"),
            ("'tpc://*:80'", "no scheme tpc://; did you mean tcp?"),
            ("unix://run/x", "the path must be absolute, as in unix:///run/x.sock"),
            ("/run/", "that is a directory"), ("'@'", "a name follows the @"),
            ("vsock://x:1", "a CID is a number from 0 to 4294967295, or *"), ("vsock://1", "write vsock://CID:PORT"),
            ("'[fe80::1%nosuchif]:80'", "there is no interface nosuchif"),
        ])
    func faulty(text: String, reason: String) {
        let plain = text.filter { $0 != "'" }
        #expect(
            serviceFaults("{exec: /bin/cat, listen: \(text)}", resolving: true) == [
                "1:40: error: services.s.listen: \"\(plain)\" is no endpoint: \(reason)"
            ])
    }

    @Test("a socket's name of 107 bytes fits, 108 do not")
    func longName() throws {
        let name = "/" + String(repeating: "x", count: 106)
        #expect(try service("{listen: \(name), internal: echo}").endpoints.first?.address == .unix(path: name))
        #expect(serviceFaults("{listen: \(name)x, internal: echo}").first?.contains("at most 107 bytes") == true)
    }

    @Test("a host name becomes all its addresses")
    func hostName() throws {
        let endpoints = try service("{listen: 'tcp4://localhost:80', internal: echo}", resolving: true).endpoints
        #expect(endpoints.map(\.address) == [.ipv4(.loopback, port: 80)])
        #expect(
            serviceFaults("{listen: 'no-such-host.invalid:80', internal: echo}", resolving: true).first?
                .hasPrefix(
                    "1:24: error: services.s.listen: \"no-such-host.invalid:80\" is no endpoint: no-such-host.invalid has no address: "
                ) == true)
        #expect(serviceFaults("{listen: 'no-such-host.invalid:80', internal: echo}").isEmpty)
    }

    @Test("options of socket apply where they fit, and an endpoint's own count more")
    func options() throws {
        let endpoints = try service(
            """
            {listen: [{address: 80, backlog: 5, ipv6_only: true, name: a b}, /x, 81],
             socket: {backlog: unlimited, mode: 0660, no_delay: true, keep_alive: false, receive_buffer: 64KiB},
             internal: echo}
            """
        ).endpoints
        try #require(endpoints.count == 3)
        #expect(endpoints[0].options.backlog == 5)
        #expect(endpoints[0].options.mode == nil)
        #expect(endpoints[0].options.noDelay == true)
        #expect(endpoints[0].options.receiveBuffer == 65536)
        #expect(endpoints[0].name == "a b")
        #expect(endpoints[0].ipv6Only && !endpoints[0].anyFamily)
        #expect(endpoints[1].options.mode == 0o660)
        #expect(endpoints[1].options.noDelay == nil)
        #expect(endpoints[1].options.backlog == Int(Int32.max))
        #expect(endpoints[2].options.keepAlive.isOn == false)
        #expect(endpoints[2].name == "s")
    }

    @Test(
        "options that cannot be",
        arguments: [
            (
                "{address: 80, mode: 0600}",
                "1:38: error: services.s.listen.mode: it is for Unix sockets in the file system only"
            ),
            ("{address: 80, backlok: 1}", "1:38: error: services.s.listen.backlok: unknown key; did you mean backlog?"),
            ("{backlog: 1}", "1:24: error: services.s.listen: address is missing"),
            (
                "{address: 80, backlog: 0}",
                "1:47: error: services.s.listen.backlog: expected a number from 1 to 2147483647, or unlimited, not \"0\""
            ),
            (
                "{address: tcp6://*:80, ipv6_only: false}",
                "1:24: error: services.s.listen: ipv6_only is false, but the scheme is for IPv6 only; use tcp:// or udp://"
            ),
            (
                "{address: 80, name: 'a:b'}",
                "1:44: error: services.s.listen.name: a listener's name is 1 to 255 printable ASCII characters without a colon"
            ),
            ("[]", "1:24: error: services.s.listen: the list is empty; leave listen out if nothing is bound"),
        ])
    func faultyOptions(text: String, fault: String) {
        #expect(serviceFaults("{listen: \(text), internal: echo}") == [fault])
    }

    @Test("every option of the network and of TCP becomes what the kernel is told")
    func networkOptions() throws {
        let found = try service(
            """
            {listen: [tcp://*:1, udp4://*:2], internal: echo, socket: {interface: lo, transparent: true, mark: 4294967295,
             priority: 6, tos: 16, ttl: 9, keep_alive: {idle: 1m, interval: 5s, count: 3}, defer_accept: 4s,
             fast_open: 16, congestion: reno, broadcast: true, multicast: [239.1.2.3, 239.1.2.3, "239.1.2.4%lo"]}}
            """)
        let tcp = found.endpoints[0].options
        let udp = found.endpoints[1].options
        for options in [tcp, udp] {
            #expect(options.interface == "lo")
            #expect(options.transparent)
            #expect(options.mark == .max)
            #expect([options.priority, options.tos, options.ttl] == [6, 16, 9])
        }
        #expect(tcp.keepAlive == SocketOptions.KeepAlive(isOn: true, idle: 60, interval: 5, count: 3))
        #expect([tcp.deferAccept, tcp.fastOpen] == [4, 16])
        #expect(tcp.congestion == "reno")
        #expect(!tcp.broadcast && tcp.multicast.isEmpty)
        #expect(udp.broadcast && udp.congestion == nil && udp.keepAlive.isOn == nil)
        #expect(udp.multicast.map(\.name) == ["239.1.2.3", "239.1.2.4%lo"])
    }

    @Test(
        "multicast groups go to the endpoints that can join them",
        arguments: [
            ("udp4://*:2", ["239.1.2.3"]), ("udp6://*:2", ["ff02::7"]), ("udp://*:2", ["239.1.2.3", "ff02::7"]),
        ])
    func groups(address: String, joined: [String]) throws {
        let both = "socket: {multicast: [239.1.2.3, 'ff02::7']}"
        let found = try service("{listen: ['udp4://*:3', 'udp6://*:4', '\(address)'], internal: echo, \(both)}")
        #expect(found.endpoints[2].options.multicast.map(\.name) == joined)
    }

    @Test(
        "network options that cannot be",
        arguments: [
            (
                "{address: 'udp4://*:1', multicast: ['ff02::7']}",
                "multicast: a socket of the other address family cannot join ff02::7"
            ),
            (
                "{address: 'udp://*:1', multicast: [10.0.0.1]}",
                "multicast: expected a multicast address (224.0.0.0/4 or ff00::/8), with %INTERFACE behind it if need be, not \"10.0.0.1\""
            ),
            (
                "{address: 80, keep_alive: {idle: 1500ms}}",
                "keep_alive.idle: it is counted in whole seconds, and 32767s is the most"
            ),
            ("{address: 80, interface: a/b}", "interface: expected the name of an interface, not \"a/b\""),
            (
                "{address: 80, interface: nowhere0}",
                "interface: there is no interface nowhere0 on this machine"
            ),
            (
                "{address: 'udp://*:1', multicast: ['239.1.2.3%nowhere0']}",
                "multicast: there is no interface nowhere0 on this machine"
            ),
            ("{address: 80, congestion: slow}", "congestion: this kernel has no congestion control algorithm slow"),
            ("{address: 80, priority: 16}", "priority: expected a number from 0 to 15, not \"16\""),
            ("{address: 80, broadcast: true}", "broadcast: it is for udp endpoints only"),
            ("{address: 'udp://*:1', defer_accept: 1s}", "defer_accept: it is for tcp endpoints only"),
        ])
    func faultyNetworkOptions(text: String, fault: String) {
        let found = serviceFaults("{listen: \(text), internal: echo}", resolving: true)
        #expect(found.count == 1 && found.first?.contains(": error: services.s.listen." + fault) == true, "\(found)")
    }

    @Test("what may be on another machine is no fault where nothing is resolved")
    func otherMachine() throws {
        _ = try service("{listen: {address: 80, interface: nowhere0, congestion: slow}, internal: echo}")
    }

    @Test("groups that no endpoint of the service can join are a fault of its socket")
    func strangeGroups() {
        #expect(
            serviceFaults("{listen: 'udp4://*:1', internal: echo, socket: {multicast: ['ff02::7']}}").map {
                String($0.drop { $0 != " " })
            } == [" error: services.s.socket.multicast: a socket of the other address family cannot join ff02::7"])
    }

    @Test("a socket option that fits no endpoint is a fault; in defaults it is not")
    func misfit() {
        #expect(
            faults("services: {s: {listen: 80, internal: echo, socket: {mode: 0600}}}") == [
                "1:53: error: services.s.socket.mode: it is for Unix sockets in the file system only"
            ])
        #expect(faults("defaults: {socket: {mode: 0600}}\nservices: {s: {listen: 80, internal: echo}}").isEmpty)
    }

    @Test("the same address twice is a fault, unless both share it, the kernel chooses, or one is disabled")
    func twice() {
        func both(_ one: String, _ two: String) -> [String] {
            faults("services:\n  a: {internal: echo, \(one)}\n  b: {internal: echo, \(two)}")
        }
        #expect(
            both("listen: 80", "listen: '*:80'") == [
                "3:31: error: services.b.listen: [::]:80 is bound at t:2 already; reuse_port on both would share it"
            ])
        #expect(both("listen: 80", "listen: 'udp://*:80'").isEmpty)
        #expect(both("listen: 0", "listen: 0").isEmpty)
        #expect(both("listen: 80, enabled: false", "listen: 80").isEmpty)
        #expect(both("listen: 80, socket: {reuse_port: true}", "listen: 80, socket: {reuse_port: true}").isEmpty)
        #expect(both("listen: /x", "listen: unix+dgram:///x").count == 1)
        // An alias stands at one place in the table, and is two endpoints all the same.
        #expect(both("listen: &p 80", "listen: *p").count == 1)
        #expect(both("listen: [&p 80, *p]", "listen: 81").count == 1)
        #expect(both("listen: [&p {address: '81'}, *p]", "listen: 80").count == 1)
        for spelling in ["//x", "/./x"] { #expect(both("listen: /x", "listen: \(spelling)").count == 1) }
    }

    @Test(
        "regression: an address is warned of beside the wildcard that takes it as well, whichever comes first",
        arguments: [
            ("80", "127.0.0.1:80", true), ("127.0.0.1:80", "80", true), ("udp://*:80", "udp://127.0.0.1:80", true),
            ("tcp4://*:80", "127.0.0.1:80", true), ("80", "tcp4://*:80", true), ("tcp6://*:80", "[::1]:80", true),
            ("tcp6://*:80", "tcp4://*:80", false), ("tcp4://*:80", "[::1]:80", false), ("80", "127.0.0.1:81", false),
            ("80", "udp://127.0.0.1:80", false), ("127.0.0.1:80", "127.0.0.2:80", false),
        ])
    func wildcard(one: String, other: String, isWarned: Bool) {
        func both(_ more: String) -> [String] {
            let keys = "internal: echo\(more)"
            return faults("services:\n  a: {listen: '\(one)', \(keys)}\n  b: {listen: '\(other)', \(keys)}")
        }
        let found = both("")
        #expect(found.count == (isWarned ? 1 : 0), "\(found)")
        #expect(found.allSatisfy { $0.contains("warning: ") && $0.contains(" exclude each other") })
        #expect(both(", socket: {reuse_port: true}").isEmpty)
    }
}
