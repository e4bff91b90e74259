// As CodedValues.swift: the field lists of a route.

extension Route: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&timeout)
        coder.integer(&mostBytes)
        coder.array(&rules)
        coder.optional(&standard)
        guard mostBytes > 0 else { return coder.reject() }
    }
}

extension Route.Rule: Coded {
    init() { self.init(match: .ssh, target: "") }
    mutating func code(with coder: inout FieldCoder) {
        coder.value(&match)
        coder.text(&target)
    }
}

extension Route.Match: Coded {
    init() { self = .ssh }
    mutating func code(with coder: inout FieldCoder) {
        let number =
            switch self {
            case .ssh: 0
            case .tls: 1
            case .http: 2
            case .prefix: 3
            case .courier: 4
            }
        coder.choice(
            &self, number: number,
            of: [.ssh, .tls(Route.TLS()), .http(Route.HTTP()), .prefix([]), .courier(Route.Courier())])
        switch self {
        case .ssh: break
        case .tls(var tls):
            coder.optional(&tls.serverName)
            coder.optional(&tls.alpn)
            self = .tls(tls)
        case .http(var http):
            coder.optional(&http.host)
            coder.optional(&http.path)
            coder.optional(&http.method)
            self = .http(http)
        case .prefix(var bytes):
            coder.array(&bytes)
            self = .prefix(bytes)
        case .courier(var courier):
            coder.optional(&courier.program)
            var (lowest, highest) = (UInt32(courier.versions.lowerBound), UInt32(courier.versions.upperBound))
            coder.integer(&lowest)
            coder.integer(&highest)
            guard lowest <= highest, let highest = UInt16(exactly: highest) else { return coder.reject() }
            courier.versions = UInt16(lowest)...highest
            self = .courier(courier)
        }
    }
}

extension UInt8: Coded {
    mutating func code(with coder: inout FieldCoder) { coder.octet(&self) }
}
