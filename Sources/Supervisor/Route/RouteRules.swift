internal import ServiceTable

/// The rules of a front service, put to the first bytes of a connection: pure.
struct RouteRules {
    private let route: Route

    init(_ route: Route) {
        self.route = route
    }

    /// From accept to the decision. Nil is unlimited.
    var timeout: Duration? { route.timeout }
    /// Bytes that are looked at.
    var mostBytes: Int { route.mostBytes }

    enum Decision: Equatable {
        case to(String)
        /// No rule matches, and there is no default.
        case nowhere
        /// Not before there are so many bytes.
        case more(atLeast: Int)
    }

    /// - Parameter isAll: No more will come, or come in time: what is undecided does not match.
    func decide(_ bytes: [UInt8], isAll: Bool) -> Decision {
        let isAll = isAll || bytes.count >= route.mostBytes
        for rule in route.rules {
            switch rule.match.sight(of: bytes) {
            case .found(true): return .to(rule.target)
            case .found(false), .other: continue
            // Later rules may not overtake it: the order of the rules is what the table says.
            case .more(let least) where !isAll: return .more(atLeast: min(least, route.mostBytes))
            case .more: continue
            }
        }
        return route.standard.map { .to($0) } ?? .nowhere
    }
}

extension Route.Match {
    private static let sshSign = Array("SSH-".utf8)

    func sight(of bytes: [UInt8]) -> Sight<Bool> {
        guard !bytes.isEmpty else { return .more(atLeast: 1) }
        switch self {
        case .ssh: return .beginning(bytes, with: Self.sshSign)
        case .prefix(let sign): return .beginning(bytes, with: sign)
        case .tls(let wanted): return ClientHello.read(bytes).map { wanted.matches($0) }
        case .http(let wanted): return RequestHead.read(bytes, fields: wanted.host != nil).map { wanted.matches($0) }
        }
    }
}

extension Route.TLS {
    func matches(_ hello: ClientHello) -> Bool {
        serverName.map { HostPattern.matches(hello.serverName, $0) } ?? true
            && alpn.map { hello.protocols.contains($0) } ?? true
    }
}

extension Route.HTTP {
    func matches(_ head: RequestHead) -> Bool {
        host.map { HostPattern.matches(head.host, $0) } ?? true && method.map { $0 == head.method } ?? true
            && path.map { head.isBelow($0) } ?? true
    }
}

extension RequestHead {
    /// `/v1` has `/v1` and `/v1/x` below it, not `/v10`. Compared as sent: nothing is decoded.
    fileprivate func isBelow(_ top: String) -> Bool {
        guard path.hasPrefix(top) else { return false }
        return path.utf8.count == top.utf8.count || top.hasSuffix("/") || path.dropFirst(top.count).hasPrefix("/")
    }
}

enum HostPattern {
    /// - Parameters:
    ///   - name: In lower case.
    ///   - pattern: A name, or `*.` and a domain.
    static func matches(_ name: String?, _ pattern: String) -> Bool {
        guard var name else { return false }
        if name.hasSuffix(".") { name.removeLast() }
        let pattern = pattern.lowercased()
        guard pattern.hasPrefix("*.") else { return name == pattern }
        let domain = pattern.dropFirst()
        return name.hasSuffix(domain) && name.utf8.count > domain.utf8.count
    }
}
