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
        #expect(rules.decide(Array("ssh-".utf8), isAll: false) == .nowhere())
        #expect(rules.decide(Array("SSH".utf8), isAll: true) == .nowhere())
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
        #expect(rules((path(top), "a")).decide(request, isAll: false) == (matches ? .to("a") : .nowhere()))
    }

    @Test(
        "a pattern of hosts matches every host in the domain, and not the domain",
        arguments: [
            ("a.example.org", true), ("a.b.example.org", true), ("example.org", false), ("xexample.org", false),
            ("a.example.org.", true), (nil, false),
        ])
    func patterns(_ name: String?, _ matches: Bool) {
        #expect(HostPattern.matches(name, "*.Example.org") == matches)
    }
}
