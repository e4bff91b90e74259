/// A service as its keys are read, before they are weighed against each other.
struct ServiceDraft: Sendable {
    var listen: Listen?
    var exec: [String]?
    var handoff: HandoffDraft?
    var `internal`: Inside?
    var route: RouteDraft?
    var redirect: EndpointAddress?
    var sendProxy: ProxyHeaderVersion?
    var style = Style.inetd
    var wait = false
    var enabled = true
    var instances: Int? = 256
    var admission = AdmissionSettings()
    var triggerLimit = TriggerLimit()
    var heartbeat: Duration?
    var unresponsive = Handoff.Unresponsive.kill
    var onStop = OnStop.end
    var process = ProcessSettings()
    var user: UserReference?
    var group: UInt32?
    var groups: GroupsSetting?
    var argv0: String?
    var banner: [UInt8] = []
    var logOn: Set<LogLine>?
    var tcpmux: TCPMuxName?

    /// The value of `internal`.
    enum Inside: Hashable, Sendable {
        case service(InternalService)
        case tcpmux
    }

    /// The keys of which exactly one says what happens with a connection.
    static let dispatchKeys = ["exec", "handoff", "internal", "redirect", "route"]
    /// What `defaults` may not set: it makes a service this one and no other.
    static let ownKeys: Set = ["listen", "exec", "handoff", "internal", "redirect", "route", "tcpmux"]

    /// Every key of a service.
    static let section = Section<ServiceDraft>(
        "service", endpointKeys + dispatch + AdmissionReader.keys + ProcessReader.keys)

    private static let endpointKeys: [Key<ServiceDraft>] = [
        Key("listen", \.listen, EndpointReader.listen.map { $0 }),
        // Read for its faults; it counts where the endpoints are made.
        Key("socket", Kind<EndpointDraft>.mapping(EndpointReader.socket, from: EndpointDraft())) { _, _, _ in },
    ]

    private static let dispatch: [Key<ServiceDraft>] = [
        Key("exec", \.exec, CommandLine.kind.map { $0 }),
        Key("handoff", \.handoff, HandoffReader.kind.map { $0 }),
        Key("internal", \.internal, internalService),
        Key("redirect", \.redirect, Kind<EndpointAddress>.endpoint.map { $0 }),
        Key("send_proxy", \.sendProxy, Kind<ProxyHeaderVersion>.choice.map { $0 }),
        Key("route", \.route, RouteReader.kind.map { $0 }),
        Key("tcpmux", \.tcpmux, tcpmuxName.map { TCPMuxName($0) }),
        Key("style", \.style, .choice),
        Key("wait", \.wait, .boolean),
        Key("log_on", \.logOn, Kind<[LogLine]>.list(of: .choice).map { Set($0) }),
        Key("heartbeat", \.heartbeat, Kind<Duration?>.limit(.positiveDuration).or("false", nil)),
        Key("unresponsive", \.unresponsive, .choice),
    ]

    private static let internalNames = InternalService.allCases.map(\.rawValue) + ["tcpmux"]
    private static let internalService = Kind<Inside?>.scalar(
        Words.list(internalNames), .words(internalNames)
    ) { text, _ in
        text == "tcpmux" ? .tcpmux : InternalService(rawValue: text).map { .service($0) }
    }

    /// RFC 1078: a name on a line, with a + where the server answers for the handler.
    private static let tcpmuxName = Kind<String>.text("a name, or +NAME").checked(
        "a tcpmux name is 1 to 255 printable ASCII characters without blanks"
    ) { name in
        let rest = name.hasPrefix("+") ? name.dropFirst() : name[...]
        return (1...TCPMuxName.longest).contains(rest.utf8.count) && rest.utf8.allSatisfy { (0x21..<0x7f).contains($0) }
    }.checked("HELP asks for the list of names; no service can have it") {
        TCPMuxName($0).folded != TCPMuxName.help
    }.shaped(.text("\\+?[!-~]{1,\(TCPMuxName.longest)}"))
}
