import LinuxSystem
import Testing

@testable import ServiceTable

@Suite("redirect")
struct RedirectTests {
    @Test(
        "the target is an address of a stream socket",
        arguments: [
            ("10.0.0.1:80", [SocketAddress.ipv4(IPv4Address(bits: 0x0a00_0001), port: 80)]),
            ("'[::1]:80'", [.ipv6(.loopback, port: 80)]),
            ("'unix:///run/x.sock'", [.unix(path: "/run/x.sock")]),
            ("'@name'", [.abstract(name: "name")]),
            ("'vsock://2:1024'", [.vsock(cid: 2, port: 1024)]),
        ])
    func target(text: String, addresses: [SocketAddress]) throws {
        #expect(try service("{listen: 1, redirect: \(text)}").dispatch == .redirect(Redirect(addresses: addresses)))
    }

    @Test("a host name is looked up when the table is read")
    func hostName() throws {
        let found = try service("{listen: 1, redirect: 'localhost:80'}", resolving: true).dispatch
        guard case .redirect(let redirect) = found else { throw Mismatch() }
        #expect(!redirect.addresses.isEmpty && redirect.addresses.allSatisfy { $0.port == 80 })
    }

    private struct Mismatch: Error {}

    @Test("send_proxy may come from the defaults", arguments: [ProxyHeaderVersion.v1, .v2])
    func sendProxy(version: ProxyHeaderVersion) throws {
        let loaded = load(
            "{defaults: {send_proxy: \(version.rawValue)}, services: {s: {listen: 1, redirect: 10.0.0.1:80}}}")
        let table = try #require(loaded.table)
        #expect(
            table.services.first?.dispatch
                == .redirect(
                    Redirect(addresses: [.ipv4(IPv4Address(bits: 0x0a00_0001), port: 80)], proxyHeader: version)))
    }

    @Test("the same port elsewhere is no loop")
    func notItself() {
        #expect(serviceFaults("{listen: 80, redirect: 10.0.0.1:80}").isEmpty)
        #expect(serviceFaults("{listen: 127.0.0.1:80, redirect: 127.0.0.2:80}").isEmpty)
        #expect(serviceFaults("{listen: 'tcp6://*:80', redirect: 127.0.0.1:80}").isEmpty)
    }
}
