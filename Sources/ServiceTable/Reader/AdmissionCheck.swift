/// What must hold between the keys of who gets in and the rest of a service.
struct AdmissionCheck {
    let draft: ServiceDraft
    let given: Given
    /// The keys that stand in the service itself: those of the defaults are for the services that they fit.
    let own: Given
    let endpoints: [PlacedEndpoint]

    func check() {
        checkEndpoints()
        if draft.wait, given.sound("wait") { checkWait() }
        checkEffects()
    }

    // MARK: By endpoint

    private func checkEndpoints() {
        if let kind = first({ $0.isUnix || $0 == .vsock }) {
            let instead = kind.isUnix ? "use only_users or only_groups" : "its source is a CID"
            fault(lists, "a \(kind.rawValue):// endpoint has no internet address; \(instead)")
            if !draft.wait { warnOfInheritedSources(endpoints.filter { $0.endpoint.kind == kind }) }
        }
        if let place = own["proxy_protocol"],
            let kind = draft.wait ? endpoints.first?.endpoint.kind : first({ $0 != .tcp })
        {
            let name = draft.wait ? "wait service" : "\(kind.rawValue):// endpoint"
            place.fault("a \(name) has no PROXY header; it is for tcp connections only")
        }
        if let kind = first({ !$0.isUnix }) {
            fault(users, "the users of a \(kind.rawValue):// endpoint are not known; it is for Unix sockets only")
        } else if let kind = first(\.isDatagram) {
            fault(users, "a \(kind.rawValue):// endpoint has no connection whose user could be asked")
        }
        warnOfInheritedUsers()
    }

    private func first(_ condition: (Endpoint.Kind) -> Bool) -> Endpoint.Kind? {
        endpoints.first { condition($0.endpoint.kind) }?.endpoint.kind
    }

    private var lists: [Cursor] { ["only_from", "no_access"].compactMap { own[$0] } }
    private var users: [Cursor] { ["only_users", "only_groups"].compactMap { own[$0] } }

    private func fault(_ places: [Cursor], _ message: @autoclosure () -> String) {
        for place in places { place.fault(message()) }
    }

    /// Source lists of the defaults that cannot be asked here.
    private func warnOfInheritedSources(_ endpoints: [PlacedEndpoint]) {
        guard lists.isEmpty, given.has("only_from") || given.has("no_access"), let place = endpoints.first else {
            return
        }
        place.cursor.warn(
            draft.wait
                ? "only_from and no_access of the defaults do not guard it: its handler accepts by itself"
                : "only_from and no_access of the defaults do not guard it: it has no internet address")
    }

    private func warnOfInheritedUsers() {
        let unknown = endpoints.first { $0.endpoint.kind.isUnix && (draft.wait || $0.endpoint.kind.isDatagram) }
        guard users.isEmpty, given.has("only_users") || given.has("only_groups"), let place = unknown else { return }
        place.cursor.warn("only_users and only_groups of the defaults do not guard it: its users are not known")
    }

    // MARK: Wait

    private var streams: [PlacedEndpoint] { endpoints.filter { !$0.endpoint.kind.isDatagram } }

    private func checkWait() {
        let unknown = "no peer is known yet when a wait handler gets a listening socket; let the handler check"
        if streams.contains(where: { $0.endpoint.kind == .tcp }) { fault(lists, unknown) }
        if streams.contains(where: \.endpoint.kind.isUnix) { fault(users, unknown) }
        warnOfInheritedSources(streams)
        var keys = ["per_source", "on_limit", "on_source_limit", "busy_reply"]
        // The first datagram tells its source, a listening socket none.
        if streams.count == endpoints.count { keys += ["rate_per_source", "source_prefix", "on_rate"] }
        warn(keys, "it has no effect with wait: true; trigger_limit says how often a handler may fail")
    }

    // MARK: Keys that change nothing

    private func checkEffects() {
        let settings = draft.admission
        if settings.rate == nil, given.sound("rate") { warn(["on_rate"], "it has no effect without rate") }
        if settings.perSource == nil, settings.ratePerSource == nil, given.sound("per_source", "rate_per_source") {
            warn(["on_source_limit", "source_prefix"], "it has no effect without per_source and rate_per_source")
        }
        if !endpoints.isEmpty, streams.isEmpty, !draft.wait {
            warn(
                ["instances", "per_source", "on_limit", "on_rate", "on_source_limit", "busy_reply"],
                "it has no effect on datagrams; rate and rate_per_source limit them")
        }
    }

    private func warn(_ keys: [String], _ words: String) {
        for place in keys.filter({ own.sound($0) && asks($0) }).compactMap({ own[$0] }) { place.warn(words) }
    }

    /// Whether the key wants anything: `unlimited` and the ways that are usual do not.
    private func asks(_ key: String) -> Bool {
        let settings = draft.admission
        return switch key {
        case "instances": draft.instances != nil
        case "per_source": settings.perSource != nil
        case "rate_per_source": settings.ratePerSource != nil
        case "on_limit": settings.onLimit != .wait
        case "on_rate": settings.onRate != .wait
        case "on_source_limit": settings.onSourceLimit != .refuse
        default: true
        }
    }
}
