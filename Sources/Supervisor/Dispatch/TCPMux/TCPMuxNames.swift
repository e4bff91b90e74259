internal import ServiceTable

/// Which service a client of tcpmux means, by the name that it sends (RFC 1078: its case does not matter).
struct TCPMuxNames {
    private var entries: [String: Entry] = [:]
    private var order: [String] = []

    struct Entry: Hashable {
        /// The service's name in the table.
        let service: String
        /// Baton says `+`.
        let answers: Bool
    }

    /// Those of services that are not disabled.
    init(of services: [Service] = []) {
        for service in services where service.enabled {
            if let name = service.tcpmux { add(name, service: service.name) }
        }
    }

    mutating func add(_ name: TCPMuxName, service: String) {
        entries[name.folded] = Entry(service: service, answers: name.answers)
        order.append(name.name)
    }

    subscript(name: String) -> Entry? { entries[TCPMuxName.fold(name)] }

    /// The answer to HELP: a line a name, in table order.
    var list: [UInt8] {
        order.flatMap { Array($0.utf8) + [13, 10] }
    }
}
