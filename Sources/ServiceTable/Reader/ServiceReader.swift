internal import LinuxSystem

/// A service that was read: its value, and what the table as a whole must know of it.
struct PlacedService {
    var service: Service
    /// The service's name in the table.
    var cursor: Cursor
    var endpoints: [PlacedEndpoint]
    /// Services that its connections may go to.
    var targets: [Placed<String>]
    /// `listen` was given, be it sound or not.
    var listens: Bool
    /// Where its tcpmux name stands.
    var tcpmux: Cursor?
}

/// Reads one service: its keys over the defaults, then what they mean together.
struct ServiceReader {
    private let cursor: Cursor
    private let name: YAMLPair
    private var draft = ServiceDraft()
    private var given = Given()
    /// The keys that stand in the service itself.
    private var own = Given()
    private var sockets: [Cursor]

    /// Nil when the service is no mapping at all.
    static func read(_ pair: YAMLPair, in services: Cursor, defaults: Defaults) -> PlacedService? {
        let cursor = services.at(pair)
        checkName(pair, in: services)
        guard let pairs = cursor.node.pairs else {
            if !cursor.node.isBroken { cursor.unexpected("a mapping such as {listen: 79, exec: [PROGRAM]}") }
            return nil
        }
        var reader = ServiceReader(cursor: cursor, name: pair, sockets: defaults.values(of: "socket"))
        defaults.apply(to: &reader.draft, &reader.given)
        reader.read(ListChange.resolve(cursor, pairs, defaults: defaults))
        return reader.finish()
    }

    private init(cursor: Cursor, name: YAMLPair, sockets: [Cursor]) {
        self.cursor = cursor
        self.name = name
        self.sockets = sockets
    }

    private static func checkName(_ pair: YAMLPair, in services: Cursor) {
        let name = pair.key.utf8
        let first = name.first.map { Character(UnicodeScalar($0)) }
        let fine = name.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2e, 0x5f, 0x2d: true
            default: false
            }
        }
        guard fine, (1...64).contains(name.count), let first, !".-_".contains(first) else {
            services.at(keyOf: pair).fault(
                "a service's name is 1 to 64 letters, digits, dots, underscores and hyphens, and begins with a letter or digit"
            )
            return
        }
    }

    private mutating func read(_ pairs: [YAMLPair]) {
        for pair in pairs {
            guard let key = ServiceDraft.section[pair.key] else {
                ServiceDraft.section.unknown(pair, in: cursor)
                given.unknown = true
                continue
            }
            let value = cursor.at(pair)
            let sound = key.read(value, &draft)
            given.note(pair.key, value, sound: sound)
            own.note(pair.key, value, sound: sound)
            if pair.key == "socket" { sockets.append(value) }
        }
    }

    private func finish() -> PlacedService {
        let endpoints = endpoints()
        let dispatch = dispatch()
        checkDispatch()
        if let fault = draft.redirect?.faultAsTarget(listening: endpoints.map(\.endpoint)) {
            given["redirect"]?.fault(fault)
        }
        if let fault = Self.faultOfTCPMuxTarget(isWait: draft.wait, isMultiplexer: dispatch == .tcpmux) {
            given["tcpmux"]?.fault(fault)
        }
        checkWait()
        for endpoint in endpoints { check(endpoint) }
        AdmissionCheck(draft: draft, given: given, own: own, endpoints: endpoints).check()
        checkEffects()
        checkDirectories()
        let content = Service.Content(
            name: name.key, enabled: draft.enabled, endpoints: endpoints.map(\.endpoint), dispatch: dispatch,
            tcpmux: draft.tcpmux, style: draft.style, wait: draft.wait, instances: draft.instances,
            admission: admission, triggerLimit: draft.triggerLimit, heartbeat: draft.heartbeat,
            unresponsive: draft.unresponsive, process: process, onStop: draft.onStop, banner: draft.banner,
            logOn: draft.logOn)
        return PlacedService(
            service: Service(content), cursor: nameCursor, endpoints: endpoints,
            targets: (draft.route?.targets ?? []) + (draft.handoff?.passTo ?? []), listens: given.has("listen"),
            tcpmux: given["tcpmux"])
    }

    /// Lists of the defaults are asked only about sources that can be on them, and not beside a list of the service's own
    /// for sources of another kind.
    private var admission: AdmissionSettings {
        var admission = draft.admission
        let ownsAddresses = own.has("only_from")
        let ownsUsers = own.has("only_users") || own.has("only_groups")
        if ownsAddresses, !ownsUsers { (admission.onlyUsers, admission.onlyGroups) = (nil, nil) }
        if ownsUsers, !ownsAddresses { admission.onlyFrom = nil }
        admission.listsAreOwn = ownsAddresses || ownsUsers
        return admission
    }

    private var nameCursor: Cursor {
        var cursor = cursor
        cursor.node = YAMLNode(place: name.place, content: .scalar(name.key, plain: true))
        return cursor
    }

    private func endpoints() -> [PlacedEndpoint] {
        guard let listen = draft.listen, let place = given["listen"] else { return [] }
        return EndpointReader.endpoints(of: listen, sockets: sockets, service: name.key, at: place)
    }

    private var process: ProcessSettings {
        var process = draft.process
        process.credentials = Credentials.resolve(
            user: draft.user, group: draft.group, groups: draft.groups, given: given)
        let order = ResourceLimit.Resource.allCases
        process.resourceLimits.sort {
            (order.firstIndex(of: $0.resource) ?? 0) < (order.firstIndex(of: $1.resource) ?? 0)
        }
        // Inherited by a service whose descriptor 2 cannot be the connection.
        if process.standardError == .connection, !takesConnectionAsError { process.standardError = .log }
        return process
    }

    /// The programs are looked up here, where `chroot`, PATH and `argv0` are known.
    private func dispatch() -> Dispatch {
        let finder = ProgramFinder(draft.process)
        let inspect = given.sound("chroot", "env")
        func find(_ words: [String]?, argv0: String?, at cursor: Cursor?) -> Program? {
            guard let words, let cursor, inspect else { return nil }
            return finder.find(words, argv0: argv0, at: cursor)
        }
        let handed = draft.handoff?.command
        let program = find(draft.exec, argv0: handed == nil ? draft.argv0 : nil, at: given["exec"])
        if let draftHandoff = draft.handoff {
            var handoff = draftHandoff.handoff
            handoff.program = find(handed?.value, argv0: draft.argv0, at: handed?.cursor(cursor.reading))
            handoff.fallback = program
            return .handoff(Shared(handoff))
        }
        if let program { return .exec(program) }
        if let redirect = draft.redirect {
            return .redirect(Redirect(addresses: redirect.addresses, proxyHeader: draft.sendProxy))
        }
        if let route = draft.route { return .route(route.route) }
        switch draft.internal {
        case .tcpmux: return .tcpmux
        case .service(let service): return .internal(service)
        case nil: return .internal(.discard)
        }
    }

    private func checkDispatch() {
        let keys = ServiceDraft.dispatchKeys.filter { given.has($0) }
        switch keys {
        case []:
            if given.unknown { return }
            nameCursor.fault(
                "nothing says what happens with a connection; give one of \(Words.list(ServiceDraft.dispatchKeys))")
        case ["exec", "handoff"]: break
        case _ where keys.count > 1:
            nameCursor.fault(
                "\(keys.joined(separator: " and ")) exclude each other; only exec may stand beside handoff")
        default: break
        }
        if let place = own["send_proxy"], !given.has("redirect") { place.fault("it goes with redirect only") }
    }

    private func checkWait() {
        guard draft.wait, given.sound("wait") else { return }
        for key in ServiceDraft.dispatchKeys where key != "exec" && given.has(key) {
            given["wait"]?.fault("it goes with exec only; \(key) takes connections one by one")
            return
        }
        if !given.has("listen") { given["wait"]?.fault("a wait service needs listen: it is given the socket itself") }
    }

    private func check(_ placed: PlacedEndpoint) {
        let kind = placed.endpoint.kind
        let name = "\(kind.rawValue):// endpoint"
        if kind.isDatagram, given.sound("wait") {
            if given.has("handoff") || given.has("route") || given.has("redirect") {
                placed.cursor.fault("a \(name) goes with exec and wait: true, or with internal, only")
            } else if given.has("exec"), !draft.wait {
                placed.cursor.fault("a \(name) has no connections: exec needs wait: true beside it")
            }
        }
        if kind == .unixSequencedPacket, given.has("route") || given.has("redirect") {
            placed.cursor.fault("a \(name) cannot be routed or redirected; use exec, handoff or internal")
        }
        if draft.internal == .tcpmux, kind.isDatagram || kind == .unixSequencedPacket {
            placed.cursor.fault("a \(name) has no lines; internal: tcpmux is for streams only")
        }
        if kind != .tcp, let hold = draft.handoff?.holdsUntilDone {
            hold.cursor(cursor.reading).fault("hold: done is for tcp endpoints only; use ack")
        }
    }

    /// Where processes are to start and to write, as far as it can be seen from here.
    private func checkDirectories() {
        guard cursor.reading.resolving, !given.has("chroot"), given.has("exec") || draft.handoff?.command != nil
        else { return }
        func check(_ path: String, _ place: Cursor?) {
            guard let place, FileSystem.entry(at: path) != .directory else { return }
            place.warn("there is no directory \(path.quotable), and without it no process is started")
        }
        check(draft.process.directory, given["directory"])
        if case .path(let file) = draft.process.standardError, let end = file.lastIndex(of: "/") {
            check(end == file.startIndex ? "/" : String(file[..<end]), given["stderr"])
        }
    }

    /// Descriptor 2 can be the connection in the inetd style alone.
    private var takesConnectionAsError: Bool { given.has("exec") && draft.style == .inetd }

    /// Keys of the service itself that change nothing in it.
    private func checkEffects() {
        if let place = own["stderr"], draft.process.standardError == .connection, !takesConnectionAsError,
            given.sound("style", "exec"), given.has("exec") || given.has("handoff")
        {
            place.fault("connection goes with exec and style: inetd only; use log, null or a path")
        }
        if let place = own["trigger_limit"], !draft.wait, given.sound("wait", "trigger_limit") {
            place.warn("it has no effect without wait: true")
        }
        if let place = own["connections"], !given.has("handoff") {
            place.fault("it goes with handoff only; instances limits the others")
        }
        if !draft.wait, given.sound("wait") {
            for place in ["heartbeat", "unresponsive"].compactMap({ own[$0] }) {
                place.fault("it is for wait: true; a persistent handler's stands in handoff")
            }
        }
        if !given.has("listen") {
            for place in ["socket", "proxy_protocol"].compactMap({ own[$0] }) {
                place.warn("it has no effect without listen")
            }
        }
        if let place = own["style"], !given.has("exec"), given.has("handoff") {
            place.warn("it has no effect: handoff handlers get connections over their channel")
        }
        if let place = own["instances"], given.has("handoff"), !given.has("exec") {
            place.warn("it has no effect on handoff; handoff.capacity says how much one handler takes")
        }
        if let handoff = draft.handoff, handoff.command == nil, !given.has("exec"),
            handoff.handoff.register.admitsNobody(overflow: cursor.reading.overflowUID)
        {
            given["handoff"]?.warn("nobody can serve it: it has no exec, and register lets nobody join")
        }
        if let place = own["log_on"], draft.logOn?.contains(.traffic) ?? false, !given.has("internal"),
            !given.has("redirect")
        {
            place.fault("traffic goes with internal and redirect only: the bytes of others do not pass through Baton")
        }
        if let place = own["banner"], draft.wait {
            place.fault("a wait handler accepts for itself, so there is no connection to send a banner on")
        }
        guard let inside = ["internal", "redirect"].first(where: { given.has($0) }), !given.has("exec") else {
            return
        }
        let names = ProcessReader.keys.map(\.name) + ["style"]
        for place in names.filter({ own.sound($0) }).compactMap({ own[$0] }) {
            place.warn("it has no effect on \(inside == "internal" ? "an internal service" : "redirect")")
        }
    }
}
