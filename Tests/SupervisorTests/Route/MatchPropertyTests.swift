import ServiceTable
import Testing

@testable import Supervisor

/// What must hold of the rules whatever comes, in whatever pieces.
@Suite("Matching the first bytes of anything")
struct MatchPropertyTests {
    /// Every kind of rule, one behind the other.
    private static let rules: [RouteRules] = {
        var tls = Route.TLS()
        tls.serverName = "*.example.org"
        var alpn = Route.TLS()
        alpn.alpn = "h2"
        var http = Route.HTTP()
        (http.host, http.path) = ("api.example.org", "/v1")
        var courier = Route.Courier()
        courier.program = 2
        courier.versions = 3...3
        let matches: [Route.Match] = [
            .ssh, .tls(tls), .tls(alpn), .http(http), .http(Route.HTTP()), .prefix(Array("HELO ".utf8)),
            .courier(courier),
        ]
        func rules(_ matches: [Route.Match], standard: String?) -> RouteRules {
            var route = Route()
            route.mostBytes = 2048
            route.rules = matches.enumerated().map { Route.Rule(match: $1, target: "\($0)") }
            route.standard = standard
            return RouteRules(route)
        }
        return matches.map { rules([$0], standard: nil) } + [
            rules(matches, standard: "rest"), rules(matches.reversed(), standard: nil),
        ]
    }()

    private static let heads: [[UInt8]] = [
        Array("SSH-2.0-OpenSSH_9\r\n".utf8), Array("HELO me\r\n".utf8),
        Array("GET /v1/x?q HTTP/1.1\r\nAccept: */*\r\nHost: api.example.org:80\r\n\r\n".utf8),
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), hello("www.example.org"),
        [0, 3, 0, 3, 0, 0, 0, 7, 0, 0, 0, 2, 0, 3, 0, 1], [0, 2, 0, 2, 0, 0, 0, 7, 0, 2, 0, 3, 0, 1],
        [0, 0, 0, 7, 0, 0, 0, 2, 0, 3, 0, 1],
    ]

    /// A ClientHello of TLS 1.2's form with a server name and ALPN h2.
    private static func hello(_ name: String) -> [UInt8] {
        func block(_ size: Int, _ bytes: [UInt8]) -> [UInt8] {
            (0..<size).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
        }
        let serverName: [UInt8] = [0, 0] + block(2, block(2, [0] + block(2, Array(name.utf8))))
        let protocols: [UInt8] = [0, 16] + block(2, block(2, block(1, Array("h2".utf8))))
        let body =
            [3, 3] + [UInt8](repeating: 7, count: 32) + block(1, []) + block(2, [0x13, 1]) + block(1, [0])
            + block(2, serverName + protocols)
        return [22, 3, 1] + block(2, [1] + block(3, body))
    }

    /// Good heads with some bytes changed, cut, doubled; and noise.
    private func stream(_ random: inout SplitMix) -> [UInt8] {
        var bytes = Self.heads.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 0...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(place...)
            case 2: bytes.insert(contentsOf: bytes.prefix(20), at: place)
            default:
                bytes += (0..<Int.random(in: 0...3000, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            }
        }
        return bytes
    }

    /// The decision when so many bytes have come; what is said to the client on the way changes nothing.
    private func decide(_ rules: RouteRules, _ bytes: [UInt8], isAll: Bool, isContinued: Bool) -> RouteRules.Decision {
        rules.decide(.init(bytes: bytes, isAll: isAll, isContinued: isContinued, isGreeted: true))
    }

    @Test("the same for every cut, decided once, never waiting for what is there", arguments: 0..<400)
    func cuts(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        let bytes = stream(&random)
        let isContinued = Bool.random(using: &random)
        for rules in Self.rules {
            var decided: RouteRules.Decision?
            for count in 0...min(bytes.count, 2100) {
                let decision = decide(rules, Array(bytes[..<count]), isAll: false, isContinued: isContinued)
                #expect(decision != .greet)
                if case .more(let least) = decision {
                    #expect(decided == nil, "decided at fewer than \(count) bytes and open again")
                    #expect(least > count, "waits for \(least) of \(count) bytes")
                    #expect(least <= rules.mostBytes)
                } else if let decided {
                    #expect(decision == decided, "another decision at \(count) bytes")
                } else {
                    decided = decision
                }
            }
            let last = decide(rules, bytes, isAll: true, isContinued: isContinued)
            if case .more = last { Issue.record("undecided at the end") }
            if let decided { #expect(last == decided) }
        }
    }
}
