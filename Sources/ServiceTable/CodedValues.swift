package import LinuxSystem

// The field lists of everything in a table. A field that is missing here does not reach the supervisor;
// the round trip of a table that sets everything is what the tests watch.

extension Int: Coded {
    mutating func code(with coder: inout FieldCoder) { coder.integer(&self) }
}

extension UInt32: Coded {
    mutating func code(with coder: inout FieldCoder) { coder.integer(&self) }
}

extension UInt64: Coded {
    mutating func code(with coder: inout FieldCoder) { coder.integer(&self) }
}

extension Bool: Coded {
    mutating func code(with coder: inout FieldCoder) { coder.flag(&self) }
}

extension String: Coded {
    mutating func code(with coder: inout FieldCoder) { coder.text(&self) }
}

extension Duration: Coded {
    init() { self = .zero }
    mutating func code(with coder: inout FieldCoder) { coder.duration(&self) }
}

extension FieldCoder {
    /// An enumeration without payload: the place among its cases.
    package mutating func enumeration<Value: CaseIterable & Equatable>(_ value: inout Value) {
        let cases = Array(Value.allCases)
        choice(&value, number: cases.firstIndex(of: value) ?? 0, of: cases)
    }

    package mutating func duration(_ value: inout Duration) {
        var (seconds, attoseconds) = value.components
        integer(&seconds)
        integer(&attoseconds)
        // Beyond this, arithmetic with a clock's time would overflow.
        guard seconds.magnitude <= 1 << 40, attoseconds.magnitude < 1_000_000_000_000_000_000 else { return reject() }
        value = Duration(secondsComponent: seconds, attosecondsComponent: attoseconds)
    }

    package mutating func address(_ value: inout SocketAddress) {
        value.code(with: &self)
    }

    package mutating func endpoint(_ value: inout Endpoint) {
        value.code(with: &self, after: Endpoint())
    }

    package mutating func credentials(_ value: inout Credentials) {
        value.code(with: &self)
    }
}

extension ServiceTable: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.text(&file)
        coder.optional(&runtimeDirectory)
        coder.since(3) { $0.optional(&supervisorUser) }
        coder.enumeration(&log.level)
        coder.optional(&log.format)
        coder.optional(&log.path)
        coder.optional(&controlGroup)
        coder.optional(&limits.instances)
        coder.optional(&limits.openFiles)
        coder.value(&limits.stopTimeout)
        var previous = Service()
        coder.list(&services, blank: Service()) { service, coder in
            service.content.code(with: &coder, after: previous.content)
            previous = service
        }
    }
}

extension ConfigurationFault: Coded {
    init() { self.init(file: "", message: "") }
    mutating func code(with coder: inout FieldCoder) {
        coder.text(&file)
        coder.integer(&line)
        coder.integer(&column)
        coder.text(&key)
        coder.text(&message)
        coder.enumeration(&severity)
    }
}

extension Service.Content {
    /// - Parameter previous: The service before: most of ten thousand are alike but for their name and address.
    mutating func code(with coder: inout FieldCoder, after previous: Service.Content) {
        coder.text(&name)
        coder.flag(&enabled)
        var model = previous.endpoints.first ?? Endpoint()
        coder.list(&endpoints, blank: Endpoint()) { endpoint, coder in
            endpoint.code(with: &coder, after: model)
            model = endpoint
        }
        coder.repeated(&dispatch, after: previous.dispatch)
        coder.optional(&tcpmux)
        coder.enumeration(&style)
        coder.flag(&wait)
        coder.optional(&instances)
        codeAdmission(with: &coder, after: previous)
        coder.optional(&triggerLimit.burst)
        coder.value(&triggerLimit.interval)
        coder.value(&triggerLimit.backoff)
        coder.optional(&heartbeat)
        coder.enumeration(&unresponsive)
        codeProcess(with: &coder, after: previous)
        coder.enumeration(&onStop)
        coder.array(&banner)
        var chooses = logOn != nil
        var lines = LogLine.allCases.filter { logOn?.contains($0) ?? false }
        coder.flag(&chooses)
        coder.array(&lines)
        logOn = chooses ? Set(lines) : nil
        coder.flag(&servesMetrics)
    }
}

extension Backoff: Coded {
    init() { self.init(first: .zero, longest: .zero) }
    mutating func code(with coder: inout FieldCoder) {
        coder.value(&first)
        coder.value(&longest)
    }
}

extension Dispatch: Coded {
    private static let blanks: [Dispatch] = [
        .exec(Program()), .handoff(Shared(Handoff())), .internal(.discard), .redirect(Redirect()), .tcpmux,
        .route(Route()),
    ]

    init() { self = .internal(.discard) }
    mutating func code(with coder: inout FieldCoder) {
        let number =
            switch self {
            case .exec: 0
            case .handoff: 1
            case .internal: 2
            case .redirect: 3
            case .tcpmux: 4
            case .route: 5
            }
        coder.choice(&self, number: number, of: Self.blanks)
        switch self {
        case .exec(var program):
            coder.value(&program)
            self = .exec(program)
        case .handoff(var handoff):
            coder.value(&handoff.wrappedValue)
            self = .handoff(handoff)
        case .internal(var service):
            coder.enumeration(&service)
            self = .internal(service)
        case .redirect(var redirect):
            coder.value(&redirect)
            self = .redirect(redirect)
        case .tcpmux: break
        case .route(var route):
            coder.value(&route)
            self = .route(route)
        }
    }
}

extension Program: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.text(&path)
        coder.array(&arguments)
    }
}

extension Endpoint {
    mutating func code(with coder: inout FieldCoder, after previous: Endpoint) {
        coder.text(&name)
        coder.enumeration(&kind)
        coder.value(&address)
        coder.flag(&ipv6Only)
        coder.flag(&anyFamily)
        codeOptions(with: &coder, after: previous)
    }
}

extension SocketAddress: Coded {
    private static let blanks: [SocketAddress] = [
        .ipv4(.any, port: 0), .ipv6(.any, port: 0, scope: 0), .unix(path: ""), .abstract(name: ""),
        .vsock(cid: 0, port: 0),
    ]

    init() { self = .ipv4(.any, port: 0) }
    mutating func code(with coder: inout FieldCoder) {
        let number =
            switch self {
            case .ipv4: 0
            case .ipv6: 1
            case .unix: 2
            case .abstract: 3
            case .vsock: 4
            }
        coder.choice(&self, number: number, of: Self.blanks)
        switch self {
        case .ipv4(var address, var port):
            coder.integer(&address.bits)
            coder.integer(&port)
            self = .ipv4(address, port: port)
        case .ipv6(var address, var port, var scope):
            coder.integer(&address.high)
            coder.integer(&address.low)
            coder.integer(&port)
            coder.integer(&scope)
            self = .ipv6(address, port: port, scope: scope)
        case .unix(var path):
            coder.text(&path)
            self = .unix(path: path)
        case .abstract(var name):
            coder.text(&name)
            self = .abstract(name: name)
        case .vsock(var cid, var port):
            coder.integer(&cid)
            coder.integer(&port)
            self = .vsock(cid: cid, port: port)
        }
    }
}
