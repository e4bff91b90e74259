import ServiceTable
import Testing

@testable import Supervisor

@Suite("The rules of a route")
struct RouteRulesTests {
    private func rules(_ matches: (Route.Match, String)..., standard: String? = nil) -> RouteRules {
        var route = Route()
        route.rules = matches.map { Route.Rule(match: $0.0, target: $0.1) }
        route.standard = standard
        return RouteRules(route)
    }

    private func host(_ host: String) -> Route.Match {
        var http = Route.HTTP()
        http.host = host
        return .http(http)
    }

    private func path(_ path: String) -> Route.Match {
        var http = Route.HTTP()
        http.path = path
        return .http(http)
    }

    @Test("the first rule that matches decides, and one that is undecided is waited for")
    func order() {
        let rules = rules((host("a.example"), "a"), (.prefix(Array("GET ".utf8)), "get"), standard: "rest")
        #expect(rules.decide(Array("GET / HTTP/1.1\r\n".utf8), isAll: false) == .more(atLeast: 17))
        #expect(rules.decide(Array("GET / HTTP/1.1\r\n".utf8), isAll: true) == .to("get"))
        #expect(rules.decide(Array("GET / HTTP/1.1\r\nHost: A.example:80\r\n".utf8), isAll: false) == .to("a"))
        #expect(rules.decide(Array("GET / HTTP/1.1\r\nHost: b\r\n".utf8), isAll: false) == .to("get"))
        #expect(rules.decide(Array("SSH-2.0-x\r\n".utf8), isAll: false) == .to("rest"))
        #expect(rules.decide([], isAll: false) == .more(atLeast: 1))
        #expect(rules.decide([], isAll: true) == .to("rest"))
    }

    @Test("without a default nothing is where nothing matches")
    func nowhere() {
        let rules = rules((.ssh, "sshd"))
        #expect(rules.decide(Array("SS".utf8), isAll: false) == .more(atLeast: 4))
        #expect(rules.decide(Array("SSH-".utf8), isAll: false) == .to("sshd"))
        #expect(rules.decide(Array("ssh-".utf8), isAll: false) == .nowhere)
        #expect(rules.decide(Array("SSH".utf8), isAll: true) == .nowhere)
    }

    @Test("so many bytes are looked at and no more")
    func mostBytes() {
        let endless = Array("GET /".utf8) + Array(repeating: UInt8(ascii: "a"), count: 20000)
        #expect(rules((path("/a"), "a"), standard: "rest").decide(endless, isAll: false) == .to("rest"))
        let long = Array(endless.prefix(16383))
        #expect(rules((path("/a"), "a")).decide(long, isAll: false) == .more(atLeast: 16384))
    }

    @Test(
        "a path matches itself and what is below it",
        arguments: [
            ("/v1", "/v1", true), ("/v1", "/v1/x", true), ("/v1", "/v1?q", true), ("/v1", "/v10", false),
            ("/v1/", "/v1/x", true), ("/v1/", "/v1", false), ("/", "/x", true),
        ])
    func paths(_ top: String, _ target: String, _ matches: Bool) {
        let request = Array("GET \(target) HTTP/1.0\r\n".utf8)
        #expect(rules((path(top), "a")).decide(request, isAll: false) == (matches ? .to("a") : .nowhere))
    }

    @Test(
        "a pattern of hosts matches every host in the domain, and not the domain",
        arguments: [
            ("a.example.org", true), ("a.b.example.org", true), ("example.org", false), ("xexample.org", false),
            ("a.example.org.", true), (nil, false),
        ])
    func patterns(_ name: String?, _ matches: Bool) {
        #expect(HostPattern.matches(name.map { Array($0.utf8) }, "*.Example.org") == matches)
    }

    // U+212A KELVIN SIGN is k in lower case, and U+0130 becomes i with a dot behind it. U+00E9 and e with U+0301 are the same
    // to a Swift string; bytes that are no UTF-8 are all the same to it.
    @Test(
        "regression: hosts are bytes, of which only A to Z have another case",
        arguments: [
            ("\u{212a}.example", "k.example", false), ("\u{130}.example", "i\u{307}.example", false),
            ("e\u{301}.example", "\u{e9}.example", false), ("x.e\u{301}xample", "*.\u{e9}xample", false),
            ("a\u{301}.example.org", "a.example.org", false), ("\u{e9}.EXAMPLE", "\u{e9}.example", true),
            ("\u{c9}.example", "\u{e9}.example", false), ("\u{301}.example.org", "*.example.org", true),
        ])
    func hostBytes(_ name: String, _ pattern: String, _ matches: Bool) {
        #expect(HostPattern.matches(Array(name.utf8), pattern) == matches)
        let request = Array("GET / HTTP/1.1\r\nHost: \(name)\r\n".utf8)
        #expect(rules((host(pattern), "a")).decide(request, isAll: false) == (matches ? .to("a") : .nowhere))
    }

    @Test("regression: a host of bytes that are no text is none but itself")
    func noText() {
        #expect(!HostPattern.matches([0xff, 0x2e, 0x61], "\u{fffd}.a"))
        #expect(HostPattern.matches([0xff, 0x2e, 0x61], "*.a"))
    }

    @Test(
        "regression: paths are bytes; a mark that belongs to the slash before it is behind the border",
        arguments: [
            ("/caf\u{e9}", "/cafe\u{301}", false), ("/v1", "/v1\u{301}", false), ("/v1", "/v1/\u{301}x", true),
            ("/v1/", "/v1/\u{301}x", true), ("/", "/\u{301}", true), ("/caf\u{e9}", "/caf\u{e9}/x", true),
        ])
    func pathBytes(_ top: String, _ target: String, _ matches: Bool) {
        let request = Array("GET \(target) HTTP/1.0\r\n".utf8)
        #expect(rules((path(top), "a")).decide(request, isAll: false) == (matches ? .to("a") : .nowhere))
    }

    @Test("regression: the names of ALPN are bytes")
    func protocolBytes() {
        var tls = Route.TLS()
        tls.alpn = "\u{e9}"
        #expect(tls.matches(ClientHello(serverName: nil, protocols: [Array("\u{e9}".utf8)])))
        #expect(!tls.matches(ClientHello(serverName: nil, protocols: [Array("e\u{301}".utf8)])))
    }
}
