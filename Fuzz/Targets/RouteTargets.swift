import ServiceTable

@testable import Supervisor

/// What a client says first. It may come in any pieces, and what is decided stays decided.
extension FuzzTarget {
    static let tls = FuzzTarget("tls", longest: 512) { bytes throws(Finding) in
        try RoutedStream(bytes).check(by: tlsRules)
    }

    static let http = FuzzTarget("http", longest: 512) { bytes throws(Finding) in
        try RoutedStream(bytes).check(by: httpRules)
    }

    static let courier = FuzzTarget("courier", longest: 64) { bytes throws(Finding) in
        for isContinued in [false, true] {
            try RoutedStream(bytes, isContinued: isContinued).check(by: courierRules)
        }
    }

    static let tcpmux = FuzzTarget("tcpmux", longest: 512) { bytes throws(Finding) in
        var decided: TCPMuxLine?
        for count in 0...bytes.count {
            let line = TCPMuxLine(Array(bytes[..<count]))
            if let decided {
                try hold(line == decided, "\(line) at \(count) bytes, and \(decided) before")
            } else if line != .incomplete {
                decided = line
            }
            switch line {
            case .name(_, let length), .help(let length):
                try hold(length <= count && bytes[length - 1] == 0x0a, "a line of \(length) bytes")
            case .malformed: break
            case .incomplete: try hold(count < TCPMuxLine.longest, "still no line at \(count) bytes")
            }
        }
    }

    private static let tlsRules: [RouteRules] = {
        var name = Route.TLS()
        name.serverName = "*.example.org"
        var alpn = Route.TLS()
        alpn.alpn = "h2"
        return rules([.tls(name), .tls(alpn), .ssh])
    }()

    private static let httpRules: [RouteRules] = {
        var host = Route.HTTP()
        host.host = "*.example.org"
        var path = Route.HTTP()
        (path.path, path.method) = ("/v1", "GET")
        return rules([.http(host), .http(path), .http(Route.HTTP()), .prefix(Array("HELO ".utf8))])
    }()

    private static let courierRules: [RouteRules] = {
        var one = Route.Courier()
        (one.program, one.versions) = (2, 2...3)
        var other = Route.Courier()
        other.program = 0x2_0001
        return rules([.courier(one), .courier(other), .ssh])
    }()

    /// Each for itself, and all of them in either order.
    private static func rules(_ matches: [Route.Match]) -> [RouteRules] {
        matches.map { rules([$0], standard: nil) } + [
            rules(matches, standard: "rest"), rules(matches.reversed(), standard: nil),
        ]
    }

    private static func rules(_ matches: [Route.Match], standard: String?) -> RouteRules {
        var route = Route()
        route.mostBytes = 400
        route.rules = matches.enumerated().map { Route.Rule(match: $1, target: "\($0)") }
        route.standard = standard
        return RouteRules(route)
    }
}

/// A connection, byte by byte.
private struct RoutedStream {
    private let bytes: [UInt8]
    private let isContinued: Bool

    init(_ bytes: [UInt8], isContinued: Bool = false) {
        self.bytes = bytes
        self.isContinued = isContinued
    }

    /// What is said to the client on the way changes nothing.
    private func decision(_ rules: RouteRules, at count: Int, isAll: Bool = false) -> RouteRules.Decision {
        rules.decide(.init(bytes: Array(bytes[..<count]), isAll: isAll, isContinued: isContinued, isGreeted: true))
    }

    func check(by all: [RouteRules]) throws(Finding) {
        for rules in all {
            var decided: RouteRules.Decision?
            for count in 0...bytes.count {
                let decision = decision(rules, at: count)
                try hold(decision != .greet, "greeted twice")
                if case .more(let least) = decision {
                    try hold(decided == nil, "decided before \(count) bytes, and open again")
                    try hold(least > count && least <= rules.mostBytes, "waits for \(least) of \(count) bytes")
                } else if let decided {
                    try hold(decision == decided, "\(decision) at \(count) bytes, and \(decided) before")
                } else {
                    decided = decision
                }
            }
            let last = decision(rules, at: bytes.count, isAll: true)
            if case .more = last { throw Finding(description: "undecided at the end") }
            if let decided { try hold(last == decided, "\(last) at the end, and \(decided) before") }
        }
    }
}
