internal import LinuxSystem

/// The value of `listen` before it is joined with `socket`: addresses, and the mapping they stood in.
struct Listen: Sendable {
    struct Entry: Sendable {
        var address: EndpointAddress
        /// The endpoint as a whole, for faults and for its own options.
        var node: YAMLNode
    }
    var entries: [Entry] = []
}

/// Options of one endpoint as they are read.
struct EndpointDraft: Sendable {
    var name: String?
    var options = SocketOptions()
    var ipv6Only: Bool?
}

/// On which endpoints an option makes sense.
enum OptionFit: Sendable {
    case all, stream, internet, tcp, udp, ipv6, file

    func takes(_ endpoint: Endpoint) -> Bool {
        let isInternet = endpoint.kind == .tcp || endpoint.kind == .udp
        return switch self {
        case .all: true
        case .stream: !endpoint.kind.isDatagram
        case .internet: isInternet
        case .tcp: endpoint.kind == .tcp
        case .udp: endpoint.kind == .udp
        case .ipv6: if case .ipv6 = endpoint.address { true } else { false }
        case .file: if case .unix = endpoint.address { true } else { false }
        }
    }

    var words: String {
        switch self {
        case .all: "every endpoint"
        case .stream: "stream endpoints"
        case .internet: "tcp and udp endpoints"
        case .tcp: "tcp endpoints"
        case .udp: "udp endpoints"
        case .ipv6: "IPv6 endpoints"
        case .file: "Unix sockets in the file system"
        }
    }
}

enum EndpointReader {
    /// Each option with what it fits: what reads them, in `socket` and beside `address`.
    private static let options = SocketOptionReader.keys
    static let socket = Section("socket", options.map(\.key))
    private static let fits = Dictionary(uniqueKeysWithValues: options.map { ($0.key.name, $0.fit) })
    private static let entry = Section(
        "endpoint",
        [
            Key<EndpointDraft>("address", Kind.endpoint) { _, _, _ in },
            Key("name", \.name, Kind.listenerName.map { $0 }),
        ] + options.map(\.key))

    private static let entryShape: Shape = {
        var shape = entry.shape
        shape.required = ["address"]
        shape.documentedUnder.append(socket.name)
        return .or(EndpointAddress.shape, .mapping(shape))
    }()

    /// The value of `listen`: one endpoint or a list of them.
    static let listen = Kind<Listen>("an endpoint or a list of endpoints", .or(entryShape, .list(entryShape, least: 1)))
    { cursor, _ in
        guard case .list(let nodes) = cursor.node.content else { return entry(cursor).map { Listen(entries: [$0]) } }
        if nodes.isEmpty { cursor.fault("the list is empty; leave listen out if nothing is bound") }
        let entries = nodes.map { entry(cursor.at($0)) }
        let found = entries.compactMap(\.self)
        return found.count == entries.count && !found.isEmpty ? Listen(entries: found) : nil
    }

    private static func entry(_ cursor: Cursor) -> Listen.Entry? {
        guard cursor.node.pairs != nil else {
            return Kind.endpoint.read(cursor).map { Listen.Entry(address: $0, node: cursor.node) }
        }
        var draft = EndpointDraft()
        guard let given = entry.read(cursor, into: &draft) else { return nil }
        guard let address = given["address"] else {
            if !given.unknown { cursor.fault("address is missing") }
            return nil
        }
        let read = Kind.endpoint.read(address)
        return given.isSound ? read.map { Listen.Entry(address: $0, node: cursor.node) } : nil
    }

    /// The endpoints of a service: every address of `listen` with the options that fit it, its own over those
    /// of `sockets`, of which the later count more.
    static func endpoints(of listen: Listen, sockets: [Cursor], service: String, at cursor: Cursor) -> [PlacedEndpoint]
    {
        var result: [PlacedEndpoint] = []
        for (number, entry) in listen.entries.enumerated() {
            for address in entry.address.addresses {
                var endpoint = Endpoint(
                    name: service, kind: entry.address.kind, address: address, ipv6Only: entry.address.ipv6Only,
                    anyFamily: entry.address.anyFamily)
                var draft = EndpointDraft()
                for socket in sockets { apply(socket, to: endpoint, &draft) { _ in } }
                apply(cursor.at(entry.node), to: endpoint, &draft) { pair in
                    misfit(pair, in: cursor.at(entry.node))
                }
                finish(&endpoint, draft, at: cursor.at(entry.node))
                if let own = entry.node.pairs?.first(where: { $0.key == "multicast" }) {
                    strangers(cursor.at(entry.node).at(own), draft.options.multicast, [endpoint])
                }
                result.append(
                    PlacedEndpoint(
                        endpoint: endpoint, cursor: cursor.at(entry.node), entry: number,
                        isPlaceholder: entry.address.isPlaceholder))
            }
        }
        for socket in sockets.suffix(1) { unused(socket, result.map(\.endpoint)) }
        return result
    }

    private static func apply(
        _ cursor: Cursor, to endpoint: Endpoint, _ draft: inout EndpointDraft, misfit: (YAMLPair) -> Void
    ) {
        for pair in cursor.node.pairs ?? [] {
            guard let key = entry[pair.key], pair.key != "address" else { continue }
            if let fit = fits[pair.key], !fit.takes(endpoint) {
                misfit(pair)
            } else {
                _ = key.read(cursor.at(pair), &draft)
            }
        }
    }

    private static func misfit(_ pair: YAMLPair, in cursor: Cursor) {
        guard let fit = fits[pair.key] else { return }
        cursor.at(keyOf: pair).fault("it is for \(fit.words) only")
    }

    /// An option of the service's own `socket` that none of its endpoints takes.
    private static func unused(_ cursor: Cursor, _ endpoints: [Endpoint]) {
        guard cursor.trail.first == "services" else { return }
        for pair in cursor.node.pairs ?? [] {
            guard let fit = fits[pair.key] else { continue }
            if !endpoints.contains(where: fit.takes) {
                misfit(pair, in: cursor)
            } else if pair.key == "multicast" {
                var draft = EndpointDraft()
                if entry["multicast"]?.read(cursor.at(pair), &draft) ?? false {
                    strangers(cursor.at(pair), draft.options.multicast, endpoints.filter(fit.takes))
                }
            }
        }
    }

    /// Groups that none of the endpoints can join.
    private static func strangers(_ cursor: Cursor, _ groups: [MulticastGroup], _ endpoints: [Endpoint]) {
        for group in groups where !endpoints.contains(where: { $0.canJoin(group) }) {
            cursor.fault("a socket of the other address family cannot join \(group.name)")
        }
    }

    private static func finish(_ endpoint: inout Endpoint, _ draft: EndpointDraft, at cursor: Cursor) {
        endpoint.name = draft.name ?? endpoint.name
        endpoint.options = draft.options
        if cursor.reading.resolving, case .unix(let path) = endpoint.address { exposure(of: path, at: cursor) }
        if let ipv6Only = draft.ipv6Only {
            if endpoint.ipv6Only, !ipv6Only {
                cursor.fault("ipv6_only is false, but the scheme is for IPv6 only; use tcp:// or udp://")
            }
            endpoint.ipv6Only = ipv6Only
            if ipv6Only { endpoint.anyFamily = false }
        }
        // One list may serve endpoints of both families.
        var joined: Set<MulticastGroup> = []
        for group in draft.options.multicast where endpoint.canJoin(group) { joined.insert(group) }
        endpoint.options.multicast = draft.options.multicast.filter { joined.remove($0) != nil }
    }
}

extension EndpointReader {
    /// A socket in a directory to which everybody may write.
    private static func exposure(of path: String, at cursor: Cursor) {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        let directory = end == path.startIndex ? "/" : String(path[..<end])
        switch cursor.reading.exposure(of: directory) {
        case .link(let link): cursor.fault("the symbolic link \(link.quotable) on the way is neither root's nor ours")
        case .toAll(let open): cursor.fault("anybody may write to \(open.quotable), and take its place")
        case .sticky:
            cursor.warn(
                "anybody may write to \(directory.quotable): who is first there has the name, and clients cannot tell")
        case nil: break
        }
    }
}

/// An endpoint, and where it stands in the table.
struct PlacedEndpoint {
    var endpoint: Endpoint
    var cursor: Cursor
    /// Its number in the service's `listen`: an alias has the place of what it stands for.
    var entry: Int
    var isPlaceholder: Bool
}

extension Kind where Value == String {
    /// What LISTEN_FDNAMES can carry (sd_listen_fds_with_names(3)).
    static var listenerName: Kind {
        Kind.text("a name").checked("a listener's name is 1 to 255 printable ASCII characters without a colon") {
            name in
            (1...255).contains(name.utf8.count) && name.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != 0x3a }
        }.shaped(.text("[ -9;-~]{1,255}"))
    }
}
