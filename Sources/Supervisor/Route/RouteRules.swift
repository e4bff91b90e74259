internal import ServiceTable

/// The rules of a front service, put to the first bytes of a connection: pure.
struct RouteRules {
    private let route: Route
    private let courier: CourierRules

    init(_ route: Route) {
        self.route = route
        courier = CourierRules(route)
    }

    /// From accept to the decision. Nil is unlimited.
    var timeout: Duration? { route.timeout }
    /// Bytes that are looked at.
    var mostBytes: Int { route.mostBytes }

    /// Nobody but Courier clients is served: they need not speak first.
    var greetsFirst: Bool {
        route.standard == nil && route.rules.allSatisfy { if case .courier = $0.match { true } else { false } }
    }

    enum Decision: Equatable {
        case to(String)
        /// No rule matches, and there is no default.
        case nowhere
        /// The same of a call, whose protocol has words for that.
        case reject(CourierCall, CourierCall.Rejection)
        /// Not before there are so many bytes.
        case more(atLeast: Int)
        /// It is a Courier client, which may wait for our range of versions: it is to be told, before anything else.
        case greet
    }

    /// A connection, as far as it has come.
    struct Beginning {
        var bytes: [UInt8]
        /// No more will come, or come in time: what is undecided does not match.
        var isAll = false
        /// A handler has passed it on: the stream is taken up in the middle.
        var isContinued = false
        /// The client has been told our range.
        var isGreeted = false
    }

    func decide(_ bytes: [UInt8], isAll: Bool) -> Decision {
        decide(Beginning(bytes: bytes, isAll: isAll))
    }

    func decide(_ beginning: Beginning) -> Decision {
        let isAll = beginning.isAll || beginning.bytes.count >= route.mostBytes
        for rule in route.rules {
            if needsGreeting(rule.match, beginning) { return .greet }
            switch rule.match.sight(of: beginning) {
            case .found(true): return .to(rule.target)
            case .found(false), .other: continue
            // Later rules may not overtake it: the order of the rules is what the table says.
            case .more(let least) where !isAll: return .more(atLeast: min(least, route.mostBytes))
            case .more: continue
            }
        }
        if !courier.isEmpty,
            case .found(let call) = CourierCall.read(beginning.bytes, isContinued: beginning.isContinued)
        {
            if let target = courier.targetInOneWord(call) { return .to(target) }
            if route.standard == nil { return .reject(call, courier.rejection(of: call)) }
        }
        return route.standard.map { .to($0) } ?? .nowhere
    }

    /// Only where there is a version in common: what looks like another range may be no Courier at all, and is not to
    /// be spoken to before its own service.
    private func needsGreeting(_ match: Route.Match, _ beginning: Beginning) -> Bool {
        guard case .courier = match, !beginning.isGreeted else { return false }
        if beginning.isContinued, beginning.bytes.prefix(2) == [0, 0] { return false }
        if case .found(.common) = CourierCall.opening(beginning.bytes) { return true }
        return false
    }
}

extension Route.Match {
    private static let sshSign = Array("SSH-".utf8)

    func sight(of beginning: RouteRules.Beginning) -> Sight<Bool> {
        let bytes = beginning.bytes
        guard !bytes.isEmpty else { return .more(atLeast: 1) }
        switch self {
        case .ssh: return .beginning(bytes, with: Self.sshSign)
        case .prefix(let sign): return .beginning(bytes, with: sign)
        case .tls(let wanted): return ClientHello.read(bytes).map { wanted.matches($0) }
        case .courier(let wanted):
            return CourierCall.read(bytes, isContinued: beginning.isContinued).map { wanted.matches($0.called) }
        case .http(let wanted): return RequestHead.read(bytes, fields: wanted.host != nil).map { wanted.matches($0) }
        }
    }
}

extension Route.TLS {
    func matches(_ hello: ClientHello) -> Bool {
        serverName.map { HostPattern.matches(hello.serverName, $0) } ?? true
            && alpn.map { hello.protocols.contains(Array($0.utf8)) } ?? true
    }
}

extension Route.HTTP {
    func matches(_ head: RequestHead) -> Bool {
        host.map { HostPattern.matches(head.host, $0) } ?? true
            && method.map { head.method.elementsEqual($0.utf8) } ?? true && path.map { head.isBelow($0) } ?? true
    }
}

extension RequestHead {
    /// `/v1` has `/v1` and `/v1/x` below it, not `/v10`. Compared as sent: nothing is decoded.
    fileprivate func isBelow(_ top: String) -> Bool {
        let (top, slash) = (Array(top.utf8), UInt8(ascii: "/"))
        guard path.starts(with: top) else { return false }
        return path.count == top.count || top.last == slash || path[top.count] == slash
    }
}
