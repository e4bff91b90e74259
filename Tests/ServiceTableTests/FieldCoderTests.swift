import LinuxSystem
import Testing

@testable import ServiceTable

@Suite("the bytes between loader and supervisor")
struct FieldCoderTests {
    /// A table in which no field has its default.
    static let everything: LoadedTable = {
        var exec = Service(
            Service.Content(
                name: "exec", enabled: false, style: .systemd, wait: true, instances: 7, onStop: .leave))
        exec.triggerLimit = TriggerLimit(
            burst: 3, interval: .milliseconds(1500), backoff: Backoff(first: .seconds(2), longest: .seconds(4)))
        exec.heartbeat = .seconds(6)
        exec.unresponsive = .wait
        exec.dispatch = .exec(Program(path: "/bin/cat", arguments: ["cat", "", "ü"]))
        exec.banner = [1, 255]
        exec.logOn = [.exit, .traffic]
        exec.servesMetrics = true
        exec.process = ProcessSettings(
            credentials: Credentials(
                user: UserAccount(name: "u", uid: 5, gid: 6, home: "/h", shell: "/s"), gid: 8, groups: [9, 10]),
            umask: 0o77, directory: "/d", chroot: "/c", nice: -3,
            oomScoreAdjust: -4, processors: [0, 2], cgroup: "/g", capabilities: 1 << 40, noNewPrivileges: true,
            environment: [EnvironmentVariable(name: "A", value: "b")], passEnvironment: ["TZ"],
            resourceLimits: [
                ResourceLimit(resource: .nofile, value: 12), ResourceLimit(resource: .as, value: nil),
                ResourceLimit(resource: .memlock, value: .max),
            ], standardError: .path("/e"), runtimeLimit: .seconds(9), stopSignal: 2, stopGrace: .seconds(1))
        exec.endpoints = [
            .ipv4(.loopback, port: 1), .ipv6(IPv6Address(high: 1 << 63, low: .max), port: 65535, scope: 3),
            .unix(path: "/x"), .abstract(name: "y"), .vsock(cid: .max, port: 4),
        ].map { address in
            Endpoint(
                name: "n", kind: .udp, address: address, ipv6Only: true, anyFamily: true,
                options: SocketOptions(
                    backlog: 1, reusePort: true, freeBind: true, interface: "i", transparent: true, mark: 7,
                    priority: 8, tos: 9, ttl: 10,
                    keepAlive: SocketOptions.KeepAlive(isOn: false, idle: 11, interval: 12, count: 13),
                    noDelay: true, deferAccept: 14, fastOpen: 15, congestion: "c", broadcast: true,
                    multicast: [MulticastGroup(address: .ipv4(.loopback, port: 0), interface: "m")],
                    receiveBuffer: 2, sendBuffer: 3, mode: 0o600, owner: 4, group: 5, directoryMode: 0o700,
                    removeOnStop: false))
        }
        var handoff = Service(name: "handoff")
        handoff.dispatch = .handoff(
            Shared(
                Handoff(
                    program: Program(path: "/p", arguments: ["p"]), fallback: Program(path: "/f", arguments: ["f"]),
                    start: .eager, pool: Handoff.Pool(least: 2, most: nil, idle: .seconds(7)), capacity: 5,
                    balance: .source, register: .only(users: [1], groups: [2, 3]), queueSize: nil,
                    queueTimeout: nil, maxDeliveries: nil, hold: .done, drain: nil,
                    heartbeat: Handoff.Heartbeat(interval: .seconds(1), timeout: .seconds(2)), unresponsive: .wait,
                    startTimeout: nil, stopGrace: .seconds(3),
                    restart: Handoff.Restart(
                        policy: .onFailure, backoff: Backoff(first: .seconds(1), longest: .seconds(2)), burst: nil,
                        interval: .seconds(3)), idleExit: .seconds(8), passTo: ["app", "b"])))
        var plain = Service(name: "plain")
        plain.dispatch = .handoff(Shared(Handoff(register: .nobody, heartbeat: nil)))
        var echo = Service(name: "echo")
        echo.dispatch = .internal(.qotd)
        echo.instances = nil
        var redirect = Service(name: "redirect")
        redirect.dispatch = .redirect(
            Redirect(addresses: [.ipv4(.loopback, port: 1), .unix(path: "/t")], proxyHeader: .v2))
        redirect.tcpmux = TCPMuxName(name: "n", answers: true)
        var mux = Service(name: "mux")
        mux.dispatch = .tcpmux
        var route = Service(name: "route")
        var (tls, http, rules) = (Route.TLS(), Route.HTTP(), Route())
        (tls.serverName, tls.alpn) = ("*.a", "h2")
        (http.host, http.path, http.method) = ("b", "/c", "GET")
        (rules.timeout, rules.mostBytes, rules.standard) = (nil, 5, "d")
        var courier = Route.Courier()
        (courier.program, courier.versions) = (2, 3...65535)
        rules.rules = [.ssh, .tls(tls), .http(http), .prefix([0, 255]), .courier(courier)].map {
            Route.Rule(match: $0, target: "t")
        }
        route.dispatch = .route(rules)
        var table = ServiceTable()
        table.file = "f"
        table.runtimeDirectory = "/r"
        table.supervisorUser = Credentials(
            user: UserAccount(name: "b", uid: 5, gid: 6, home: "/h", shell: "/s"), gid: 6, groups: [6, 7])
        table.log = LogSettings(level: .debug, format: .journal, path: "/l")
        table.controlGroup = 3
        table.limits = SupervisorLimits(openFiles: 4, stopTimeout: .seconds(5))
        table.services = [route, exec, handoff, plain, echo, redirect, mux]
        let fault = ConfigurationFault(
            file: "f", line: 1, column: 2, key: "k", message: "m", severity: .warning)
        return LoadedTable(table: table, faults: [fault])
    }()

    @Test("a table that sets everything comes back as it went")
    func roundTrip() throws {
        let decoded = try LoadedTable(decoding: Self.everything.encoded())
        #expect(decoded == Self.everything)
    }

    @Test("a version that cannot say that a value is that of before has it written out", arguments: 1...3)
    func older(version: Int) {
        var endpoint = Endpoint()
        var writer = FieldCoder(version: version)
        writer.endpoint(&endpoint)
        var reader = FieldCoder(reading: writer.bytes)
        reader.version = version
        var found = Endpoint(name: "n", options: SocketOptions(backlog: 1))
        reader.endpoint(&found)
        reader.expectEnd()
        #expect(reader.failure == nil && found == endpoint)
    }

    @Test("every field of every type is in the field lists: a change of any byte is seen or refused")
    func everyByteCounts() {
        let bytes = Self.everything.encoded()
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            let decoded = try? LoadedTable(decoding: changed)
            #expect(decoded != Self.everything, "byte \(index)")
        }
    }

    @Test("cut short at any byte it fails, and so does one byte too many")
    func truncation() {
        let bytes = Self.everything.encoded()
        for count in 0..<bytes.count {
            #expect(throws: LoadedTable.DecodingFailure.self, "\(count) bytes") {
                try LoadedTable(decoding: Array(bytes[..<count]))
            }
        }
        #expect(throws: LoadedTable.DecodingFailure.self) { try LoadedTable(decoding: bytes + [0]) }
    }

    @Test("hostile bytes fail or decode, but never trap", arguments: 0..<20)
    func hostile(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = Self.everything.encoded()
        for _ in 0..<200 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let value: UInt8 = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
                changed[Int.random(in: changed.indices, using: &random)] = value
            }
            let decoded = try? LoadedTable(decoding: changed)
            if let decoded { #expect(decoded.encoded().count <= changed.count) }
        }
    }

    @Test("no table and only faults crosses as well")
    func faultsOnly() throws {
        let loaded = load("services: {a: {listen: 1}}")
        #expect(loaded.table == nil)
        #expect(try LoadedTable(decoding: loaded.encoded()) == loaded)
    }
}

/// splitmix64: the same numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
