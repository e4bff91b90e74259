internal import LinuxSystem

// As CodedValues.swift: the field lists of what says who may come in.

extension AdmissionSettings: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.list(&onlyFrom)
        coder.array(&noAccess)
        coder.array(&accessTimes)
        coder.optional(&maxLoad)
        coder.optional(&connections)
        coder.optional(&perSource)
        coder.value(&sourcePrefix)
        coder.optional(&rate)
        coder.optional(&ratePerSource)
        coder.enumeration(&onLimit)
        coder.enumeration(&onRate)
        coder.enumeration(&onSourceLimit)
        coder.list(&onlyUsers)
        coder.list(&onlyGroups)
        coder.optional(&busyReply)
        coder.optional(&proxyProtocol)
        coder.since(4) { $0.flag(&listsAreOwn) }
        // An older program did not tell them apart.
        if coder.version < 4 { listsAreOwn = onlyFrom != nil || onlyUsers != nil || onlyGroups != nil }
    }
}

extension FieldCoder {
    /// A list that may be missing, which is not the same as empty.
    fileprivate mutating func list<Element: Coded>(_ value: inout [Element]?) {
        var present = value != nil
        flag(&present)
        guard present else {
            value = nil
            return
        }
        var elements = value ?? []
        array(&elements)
        value = elements
    }
}

extension Source: Coded {
    init() { self = .block(AddressBlock()) }

    mutating func code(with coder: inout FieldCoder) {
        let number =
            switch self {
            case .block: 0
            case .range: 1
            case .host: 2
            case .domain: 3
            }
        let blank = AddressBlock()
        coder.choice(
            &self, number: number, of: [.block(blank), .range(from: blank, to: blank), .host("", []), .domain("")])
        switch self {
        case .block(var block):
            coder.value(&block)
            self = .block(block)
        case .range(var from, var to):
            coder.value(&from)
            coder.value(&to)
            self = .range(from: from, to: to)
        case .host(var name, var addresses):
            coder.text(&name)
            coder.array(&addresses)
            self = .host(name, addresses)
        case .domain(var name):
            coder.text(&name)
            self = .domain(name)
        }
    }
}

extension AddressBlock: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.flag(&isIPv4)
        coder.integer(&high)
        coder.integer(&low)
        coder.integer(&length)
        guard (0...width).contains(length) else { return coder.reject() }
        self = AddressBlock(isIPv4: isIPv4, high: high, low: low, length: length)
    }
}

extension AccessTime: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&days)
        coder.integer(&begin)
        coder.integer(&end)
        guard (0..<24 * 60).contains(begin), (0...24 * 60).contains(end) else { return coder.reject() }
    }
}

extension SourcePrefix: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&ipv4)
        coder.integer(&ipv6)
        guard (0...32).contains(ipv4), (0...128).contains(ipv6) else { return coder.reject() }
    }
}

extension RateLimit: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&count)
        coder.value(&interval)
        coder.integer(&burst)
        guard count > 0, burst > 0, interval > .zero else { return coder.reject() }
    }
}

extension ProxyProtocol: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.array(&from)
        coder.enumeration(&version)
        coder.enumeration(&others)
    }
}
