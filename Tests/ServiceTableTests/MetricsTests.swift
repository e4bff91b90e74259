import LinuxSystem
import Testing

@testable import ServiceTable

/// `metrics: {listen: …}` makes a service.
@Suite struct MetricsTests {
    @Test("the service that it makes has limits, and stands behind those of the table")
    func made() throws {
        let loaded = load(
            "metrics: {listen: ['127.0.0.1:1', {address: /m.sock, mode: '0600'}]}\nservices: {a: {listen: 7, internal: echo}}"
        )
        #expect(loaded.faults.isEmpty)
        let services = try #require(loaded.table).services
        #expect(services.map(\.name) == ["a", "metrics"])
        let metrics = services[1]
        #expect(metrics.endpoints.map(\.address) == [.ipv4(.loopback, port: 1), .unix(path: "/m.sock")])
        #expect(metrics.endpoints[1].options.mode == 0o600)
        #expect(metrics.servesMetrics && !services[0].servesMetrics)
        #expect(metrics.process.noNewPrivileges)
        #expect(metrics.process.runtimeLimit == .seconds(10))
        #expect(metrics.instances == 8)
        #expect(metrics.admission.perSource == 4)
    }

    @Test("defaults of services are not its own")
    func defaults() throws {
        let loaded = load(
            "metrics: {listen: 1}\ndefaults: {style: systemd, instances: 99}\nservices: {a: {listen: 7, internal: echo}}"
        )
        let metrics = try #require(loaded.table?.services.last)
        #expect(metrics.style == .inetd && metrics.instances == 8)
    }

    @Test("a route may lead to it")
    func routed() {
        let table =
            "metrics: {listen: 1}\nservices: {front: {listen: 7, route: {rules: [{match: ssh, to: a}], default: metrics}}, a: {listen: 8, internal: echo}}"
        #expect(load(table).faults.isEmpty)
        #expect(
            faults(String(table.dropFirst("metrics: {listen: 1}\n".count)))
                == ["1:78: error: services.front.route.default: there is no service \"metrics\"; known here: a, front"])
    }

    @Test(
        "what it cannot be",
        arguments: [
            ("metrics: {}", "1:10: error: metrics: listen is missing"),
            ("metrics: 1", "1:10: error: metrics: expected a mapping with listen, not \"1\""),
            (
                "metrics: {listen: udp://*:1}",
                "1:19: error: metrics.listen: a udp:// endpoint carries no HTTP; use tcp or unix"
            ),
            (
                "metrics: {listen: 'unix+seqpacket:///m'}",
                "1:19: error: metrics.listen: a unix+seqpacket:// endpoint carries no HTTP; use tcp or unix"
            ),
            (
                "metrics: {listen: []}",
                "1:19: error: metrics.listen: the list is empty; leave listen out if nothing is bound"
            ),
        ])
    func wrong(metrics: String, fault: String) {
        #expect(faults(metrics + "\nservices: {a: {listen: 7, internal: echo}}") == [fault])
    }

    @Test("its name and its endpoint are taken")
    func taken() {
        #expect(
            faults(
                "metrics: {listen: 1}\nservices: {metrics: {listen: 7, internal: echo}, a: {listen: 8, internal: echo}}"
            )
                == ["2:12: error: services.metrics: metrics at t:1 makes a service of this name"])
        #expect(
            faults("metrics: {listen: 7}\nservices: {a: {listen: 7, internal: echo}}")
                == ["1:19: error: metrics.listen: [::]:7 is bound at t:2 already; reuse_port on both would share it"])
        #expect(load("services: {metrics: {listen: 7, internal: echo}}").faults.isEmpty, "without metrics.listen")
    }
}
