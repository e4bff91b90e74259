import LinuxSystem
import Testing

@testable import ServiceTable

@Suite("what a new table changes")
struct DifferenceTests {
    private func table(_ text: String) throws -> ServiceTable {
        let loaded = load(text)
        #expect(!loaded.faults.contains { $0.severity == .error }, "\(loaded.faults)")
        return try #require(loaded.table)
    }

    private func difference(_ old: String, _ new: String) throws -> ServiceTableDifference {
        ServiceTableDifference(from: try table("services: " + old), to: try table("services: " + new))
    }

    /// Of the one service `s` in both tables.
    private func change(_ old: String, _ new: String) throws -> ServiceDifference {
        let difference = try difference("{s: \(old)}", "{s: \(new)}")
        return try #require(difference.services.first)
    }

    @Test("a table that only looks different changes nothing")
    func looks() throws {
        let old = """
            defaults: {per_source: 5}
            services:
              a: {listen: 1, internal: echo}
              b: {listen: [2, "127.0.0.1:3"], exec: "/bin/cat -u"}
            """
        let new = """
            # Moved, and said in other words.
            services:
              b: {exec: [/bin/cat, -u], listen: ["127.0.0.1:3", 2], per_source: 5, instances: 256}
              a: {listen: ["*:1"], internal: echo, per_source: 5}
            """
        let difference = ServiceTableDifference(from: try table(old), to: try table(new))
        #expect(difference.isEmpty, "\(difference)")
        #expect(difference.services.map(\.kind) == [.unchanged, .unchanged])
    }

    @Test("services that come and go")
    func comingAndGoing() throws {
        let difference = try difference(
            "{a: {listen: 1, internal: echo}, b: {listen: 2, internal: echo}}",
            "{c: {listen: 3, internal: echo}, b: {listen: 2, internal: echo}}")
        #expect(difference.services.map(\.name) == ["c", "b", "a"])
        #expect(difference.services.map(\.kind) == [.added, .unchanged, .removed])
        #expect(difference.services.map(\.closed) == [[], [], [0]])
    }

    @Test(
        "keys are called what the table calls them",
        arguments: [
            ("internal: echo", "internal: discard", ["internal"]),
            ("exec: /bin/cat", "exec: /bin/tac", ["exec"]),
            ("exec: /bin/cat", "internal: echo", ["exec", "internal"]),
            ("exec: /bin/cat", "exec: /bin/cat, argv0: dog", ["exec"]),
            ("handoff: {}", "handoff: {queue: {size: 3}}", ["handoff.queue"]),
            ("handoff: {}", "handoff: {handlers: {max: 3}, capacity: 7}", ["handoff.handlers", "handoff.capacity"]),
            ("handoff: {}", "handoff: {exec: /bin/cat}", ["handoff.exec"]),
            ("handoff: {}", "handoff: {}, exec: /bin/cat", ["exec"]),
            ("redirect: 127.0.0.1:91", "redirect: 127.0.0.1:91, send_proxy: v2", ["send_proxy"]),
            ("redirect: 127.0.0.1:91", "redirect: 127.0.0.1:92", ["redirect"]),
            ("internal: echo", "internal: echo, rate: 5/s, no_access: [10.0.0.0/8]", ["no_access", "rate"]),
            (
                "internal: echo", "internal: echo, socket: {backlog: 9, no_delay: true}",
                [
                    "socket.backlog", "socket.no_delay",
                ]
            ),
            ("internal: echo", "internal: echo, enabled: false", ["enabled"]),
            ("exec: /bin/cat", "exec: /bin/cat, env: {A: b}, rlimits: {core: 0}, nice: 3", ["nice", "env", "rlimits"]),
        ])
    func names(old: String, new: String, keys: [String]) throws {
        let change = try change("{listen: 1, \(old)}", "{listen: 1, \(new)}")
        #expect(change.kind == .changed)
        #expect(change.keys == keys)
    }

    @Test("every field that a table can have is some key's")
    func everyField() throws {
        let full = try #require(FieldCoderTests.everything.table)
        for service in full.services {
            var bare = Service(name: service.name)
            // Of the same way, so that what it says about it is compared as well.
            switch service.dispatch {
            case .handoff: bare.dispatch = .handoff(Shared(Handoff()))
            case .redirect: bare.dispatch = .redirect(Redirect())
            case .exec, .internal, .tcpmux, .route: break
            }
            let keys = bare.changedKeys(to: service)
            #expect(!keys.contains("others"), "\(service.name): \(keys)")
            #expect(keys.filter { $0 == "handoff" }.isEmpty, "\(service.name): \(keys)")
        }
        #expect(!ServiceTable().changedKeys(to: full).contains("others"))
        for service in full.services {
            for endpoint in service.endpoints {
                let keys = SocketOptions().changedKeys(to: endpoint.options)
                #expect(keys.count == Mirror(reflecting: SocketOptions()).children.count, "\(keys)")
            }
        }
    }

    @Test("a difference that no key accounts for is named all the same")
    func forgotten() {
        struct Pair: Equatable { var named = 1, forgotten = 1 }
        var keys = KeyComparison(Pair(), Pair(named: 2, forgotten: 1))
        keys.compare("named", \.named)
        #expect(keys.finish(rest: "rest") == ["named"])
        keys = KeyComparison(Pair(), Pair(named: 1, forgotten: 2))
        keys.compare("named", \.named)
        #expect(keys.finish(rest: "rest") == ["rest"])
    }

    @Test("what names were looked up to is no change")
    func lookedUp() {
        func service(_ addresses: [UInt32]) -> Service {
            var service = Service(name: "s")
            let blocks = addresses.map { AddressBlock(IPv4Address(bits: $0)) }
            service.admission.onlyFrom = [.host("client.example", blocks)]
            service.dispatch = .redirect(
                Redirect(addresses: addresses.sorted().map { .ipv4(IPv4Address(bits: $0), port: 1) }))
            return service
        }
        var turned = service([1, 2])
        turned.dispatch = .redirect(
            Redirect(addresses: [2, 1].map { .ipv4(IPv4Address(bits: $0), port: 1) }))
        #expect(service([1, 2]).changedKeys(to: turned).isEmpty)
        #expect(service([1, 2]).changedKeys(to: service([1, 3])) == ["redirect"])
    }

    @Test("keys of the supervisor as a whole")
    func whole() throws {
        let old = try table("services: {s: {listen: 1, internal: echo}}")
        let new = try table(
            """
            log: {level: debug, to: /tmp/log}
            limits: {instances: 5, stop_timeout: 1s}
            services: {s: {listen: 1, internal: echo}}
            """)
        let difference = ServiceTableDifference(from: old, to: new)
        #expect(difference.keys == ["log.level", "log.to", "limits.instances", "limits.stop_timeout"])
        #expect(difference.services(.unchanged).count == 1)
        #expect(!difference.isEmpty)
    }

    // MARK: Handlers

    @Test(
        "handlers roll where they would be started otherwise, and only there",
        arguments: [
            ("handoff: {exec: /bin/cat}", "handoff: {exec: /bin/tac}", ServiceDifference.Handlers.rolling),
            ("handoff: {exec: /bin/cat}", "handoff: {exec: /bin/cat}, env: {A: b}", .rolling),
            ("handoff: {exec: /bin/cat}", "handoff: {exec: /bin/cat}, rlimits: {nofile: 90}", .rolling),
            ("handoff: {exec: /bin/cat}", "handoff: {exec: /bin/cat}, runtime_limit: 5m", .rolling),
            ("handoff: {exec: /bin/cat}", "handoff: {exec: /bin/cat, capacity: 5, drain: 1s}", .kept),
            ("handoff: {exec: /bin/cat}", "handoff: {exec: /bin/cat}, stop_signal: INT", .kept),
            ("handoff: {exec: /bin/cat}", "handoff: {}", .draining),
            ("handoff: {}", "handoff: {exec: /bin/cat}", .kept),
            ("handoff: {exec: /bin/cat}", "exec: /bin/cat", .draining), ("exec: /bin/cat", "exec: /bin/tac", .kept),
            ("exec: /bin/cat", "exec: /bin/cat, wait: true", .draining),
            ("exec: /bin/cat", "exec: /bin/cat, enabled: false", .draining),
            ("exec: /bin/cat, enabled: false", "exec: /bin/cat", .kept),
        ])
    func handlers(old: String, new: String, handlers: ServiceDifference.Handlers) throws {
        #expect(try change("{listen: 1, \(old)}", "{listen: 1, \(new)}").handlers == handlers)
    }

    // MARK: Listeners

    @Test("endpoints that stay keep their listener, whatever order they are in")
    func kept() throws {
        let change = try change("{listen: [1, 2, 3], internal: echo}", "{listen: [4, 3, 1], internal: echo}")
        #expect(change.keys == ["listen"])
        #expect(change.origins.map { $0?.index } == [nil, 2, 0])
        #expect(change.closed == [1])
    }

    @Test("a listener goes with its endpoint from one service to another")
    func moved() throws {
        let difference = try difference(
            "{a: {listen: [1, 2], internal: echo}, b: {listen: 3, internal: echo}, c: {listen: 4, exec: /bin/cat}}",
            "{a: {listen: 1, internal: echo}, b: {listen: [3, 2], internal: echo}, d: {listen: 4, internal: time}}")
        let parts = difference.services
        #expect(parts.map(\.name) == ["a", "b", "d", "c"])
        #expect(parts[0].keys == ["listen"])
        #expect(parts[0].closed.isEmpty)
        #expect(parts[1].origins == [ListenerPlace(service: "b", index: 0), ListenerPlace(service: "a", index: 1)])
        #expect(parts[2].origins == [ListenerPlace(service: "c", index: 0)])
        #expect(parts[3].closed.isEmpty)
    }

    @Test("two services that change places change listeners")
    func swapped() throws {
        let difference = try difference(
            "{a: {listen: 1, internal: echo}, b: {listen: 2, internal: time}}",
            "{a: {listen: 2, internal: echo}, b: {listen: 1, internal: time}}")
        #expect(
            difference.services.map(\.origins) == [
                [ListenerPlace(service: "b", index: 0)], [ListenerPlace(service: "a", index: 0)],
            ])
        #expect(difference.services.map(\.keys) == [["listen"], ["listen"]])
    }

    @Test("a port of the kernel's choice is its service's own")
    func anyPort() throws {
        let difference = try difference(
            #"{a: {listen: "127.0.0.1:0", internal: echo}, b: {listen: ["127.0.0.1:0", "127.0.0.1:0"], internal: echo}}"#,
            #"{c: {listen: "127.0.0.1:0", internal: echo}, b: {listen: ["127.0.0.1:0", "127.0.0.1:0"], internal: echo}}"#
        )
        #expect(difference.services.map(\.kind) == [.added, .unchanged, .removed])
        #expect(difference.services[0].origins == [nil])
        #expect(difference.services[2].closed == [0])
    }

    @Test("another kind of socket at the same address, or another ipv6_only, is another listener")
    func otherSocket() throws {
        for (old, new) in [
            ("unix:///run/x", "unix+seqpacket:///run/x"), ("tcp://127.0.0.1:1", "udp://127.0.0.1:1"),
            ("'[::]:1'", "tcp6://*:1"),
        ] {
            let change = try change("{listen: \(old), internal: echo}", "{listen: \(new), internal: echo}")
            #expect(change.origins == [nil], "\(old)")
            #expect(change.closed == [0])
        }
    }

    @Test("options and names of a listener that stays")
    func options() throws {
        let old = "{listen: {address: 'unix:///run/x', mode: '0600'}, internal: echo}"
        let new = "{listen: {address: 'unix:///run/x', mode: '0660', name: y, remove_on_stop: false}, internal: echo}"
        let change = try change(old, new)
        #expect(change.keys == ["listen", "socket.mode", "socket.remove_on_stop"])
        #expect(change.origins == [ListenerPlace(service: "s", index: 0)])
    }

    @Test("sockets that share a port stay each with its service")
    func shared() throws {
        let options = "internal: echo, socket: {reuse_port: true}"
        let difference = try difference(
            "{a: {listen: 1, \(options)}, b: {listen: 1, \(options)}}",
            "{b: {listen: 1, \(options)}, c: {listen: 1, \(options)}}")
        #expect(difference.services.map(\.kind) == [.unchanged, .added, .removed])
        #expect(difference.services[1].origins == [ListenerPlace(service: "a", index: 0)])
    }

    @Test("a disabled service has no listener to give or to keep")
    func disabled() throws {
        let on = "{listen: 1, internal: echo}"
        let off = "{listen: 1, internal: echo, enabled: false}"
        #expect(try change(on, off).closed == [0])
        #expect(try change(on, off).origins.isEmpty)
        #expect(try change(off, on).origins == [nil])
        #expect(try change(off, "{listen: 2, internal: echo, enabled: false}").keys == ["listen"])
        let difference = try difference("{a: \(on)}", "{a: \(off), b: \(on)}")
        #expect(difference.services[1].origins == [ListenerPlace(service: "a", index: 0)])
    }

    @Test("the order of listeners counts where one process gets them all")
    func order() throws {
        let kept = try change("{listen: [1, 2], exec: /bin/cat}", "{listen: [2, 1], exec: /bin/cat}")
        #expect(kept.kind == .unchanged)
        let passed = "exec: /bin/cat, wait: true, style: systemd"
        #expect(try change("{listen: [1, 2], \(passed)}", "{listen: [2, 1], \(passed)}").keys == ["listen"])
    }
}
