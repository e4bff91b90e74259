internal import Glibc
internal import LinuxSystem

/// `metrics: {listen: …}`: what makes the supervisor serve its metrics over HTTP.
///
/// It comes to a service like all others, whose program is batond itself in another mode: no HTTP is read by a
/// process with rights.
enum MetricsReader {
    /// Of the service.
    static let name = "metrics"

    struct Draft: Sendable {
        var listen: Placed<Listen>?
    }

    static let kind = Kind<Draft>.mapping(
        Section("metrics", [Key("listen", \.listen, EndpointReader.listen.placed().map { $0 })]), from: Draft(),
        required: "listen")

    /// The service that `draft` asks for.
    static func service(_ draft: Placed<Draft>, reading: Reading) -> PlacedService? {
        guard let listen = draft.value.listen else { return nil }
        let endpoints = EndpointReader.endpoints(
            of: listen.value, sockets: [], service: name, at: listen.cursor(reading))
        for placed in endpoints where placed.endpoint.kind.isDatagram || placed.endpoint.kind == .unixSequencedPacket {
            placed.cursor.fault("a \(placed.endpoint.kind.rawValue):// endpoint carries no HTTP; use tcp or unix")
        }
        var service = Service(name: name)
        service.endpoints = endpoints.map(\.endpoint)
        service.dispatch = .exec(Program(path: "/proc/self/exe", arguments: ["batond", "metrics"]))
        service.servesMetrics = true
        service.instances = 8
        service.admission.perSource = 4
        service.admission.rate = RateLimit(count: 10, per: .seconds(1))
        // A line for each scrape would drown the others.
        service.logOn = [.refuse]
        service.process = process(reading)
        return PlacedService(
            service: service, cursor: draft.cursor(reading), endpoints: endpoints, targets: [], listens: true,
            tcpmux: nil)
    }

    /// As little as a process can have.
    private static func process(_ reading: Reading) -> ProcessSettings {
        var process = ProcessSettings()
        process.noNewPrivileges = true
        process.runtimeLimit = .seconds(10)
        process.stopGrace = .seconds(1)
        process.resourceLimits = [
            ResourceLimit(resource: .nofile, value: 16), ResourceLimit(resource: .cpu, value: 5),
            ResourceLimit(resource: .as, value: 1 << 30), ResourceLimit(resource: .core, value: 0),
            ResourceLimit(resource: .fsize, value: 0),
        ]
        if reading.resolving, geteuid() == 0 { process.credentials = nobody(reading) }
        return process
    }

    private static func nobody(_ reading: Reading) -> Credentials {
        let account =
            reading.user(named: "nobody")
            ?? UserAccount(name: "nobody", uid: 65534, gid: 65534, home: "/", shell: "/bin/sh")
        return Credentials(user: account, gid: account.gid, groups: [])
    }
}
