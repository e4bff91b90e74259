import Testing

@testable import ServiceTable

@Suite("faults of what happens with a connection, and of the whole")
struct DispatchFaultTests {
    @Test(
        "handoff",
        arguments: [
            ("strat: eager", ["1:37: error: services.s.handoff.strat: unknown key; did you mean start?"]),
            ("start: 5", ["1:44: error: services.s.handoff.start: expected eager or on_demand, not \"5\""]),
            ("handlers: {min: 5, max: 4}", ["1:47: error: services.s.handoff.handlers: min is more than max"]),
            (
                "capacity: 0",
                [
                    "1:47: error: services.s.handoff.capacity: expected a number from 1 to 4294967295, or unlimited, not \"0\""
                ]
            ),
            ("pass_to: [t]", ["1:47: error: services.s.handoff.pass_to: there is no service \"t\"; known here: s"]),
            (
                "register: true",
                [
                    "1:47: error: services.s.handoff.register: expected false, or a mapping of users or groups, not \"true\""
                ]
            ),
            (
                "heartbeat: 5s",
                [
                    "1:48: error: services.s.handoff.heartbeat: expected false, or a mapping of interval or timeout, not \"5s\""
                ]
            ),
            (
                "heartbeat: {interval: 5}",
                [
                    "1:59: error: services.s.handoff.heartbeat.interval: expected a duration such as 100ms, 5s, 2m or 1h30m, not \"5\"; a unit is missing: ms, s, m, h or d"
                ]
            ),
            (
                "restart: {policy: sometimes}",
                [
                    "1:55: error: services.s.handoff.restart.policy: expected always, on_failure or never, not \"sometimes\""
                ]
            ),
            (
                "restart: {backoff: {first: 1m}}",
                ["1:56: error: services.s.handoff.restart.backoff: first is longer than longest (30s unless given)"]
            ),
            (
                "queue: {size: 1, sise: 2}",
                ["1:54: error: services.s.handoff.queue.sise: unknown key; did you mean size?"]
            ),
            (
                "exec: bin/x",
                [
                    "1:43: error: services.s.handoff.exec: \"bin/x\" is relative; give an absolute path, or a name that PATH leads to"
                ]
            ),
        ])
    func handoff(key: String, expected: [String]) {
        #expect(serviceFaults("{listen: 1, handoff: {\(key)}}") == expected)
    }

    @Test(
        "what happens with a connection",
        arguments: [
            (
                "{listen: 1}",
                [
                    "1:12: error: services.s: nothing says what happens with a connection; give one of exec, handoff, internal, redirect or route"
                ]
            ),
            (
                "{listen: 1, exec: /a, internal: echo}",
                ["1:12: error: services.s: exec and internal exclude each other; only exec may stand beside handoff"]
            ),
            ("{listen: 1, exce: /a}", ["1:27: error: services.s.exce: unknown key; did you mean exec?"]),
            (
                "{listen: 1, internal: ecco}",
                [
                    "1:37: error: services.s.internal: expected echo, discard, daytime, time, chargen, qotd or tcpmux, not \"ecco\""
                ]
            ),
            (
                "{listen: 1, internal: tcpmux}",
                ["1:12: warning: services.s: no service has a tcpmux name: it can only say so"]
            ),
            (
                "{listen: 'udp://*:1', internal: tcpmux, tcpmux: x}",
                [
                    "1:24: error: services.s.listen: a udp:// endpoint has no lines; internal: tcpmux is for streams only",
                    "1:63: error: services.s.tcpmux: tcpmux leads to other services, not to itself",
                ]
            ),
            (
                "{listen: 1, exec: /bin/cat, wait: true, tcpmux: x}",
                [
                    "1:63: error: services.s.tcpmux: a wait handler takes connections itself; only exec without wait: true can be given one",
                    "1:63: warning: services.s.tcpmux: nothing reaches the service by this name: there is no internal: tcpmux",
                ]
            ),
            (
                "{exec: /bin/cat, tcpmux: +Help}",
                [
                    "1:40: error: services.s.tcpmux: HELP asks for the list of names; no service can have it"
                ]
            ),
            (
                "{listen: 1, redirect: 'udp://10.0.0.1:80'}",
                [
                    "1:37: error: services.s.redirect: only streams can be relayed; use tcp://, unix:// or vsock://"
                ]
            ),
            (
                "{listen: 1, redirect: 'unix+seqpacket:///run/x'}",
                [
                    "1:37: error: services.s.redirect: only streams can be relayed; use tcp://, unix:// or vsock://"
                ]
            ),
            (
                "{listen: 1, redirect: 80}",
                [
                    "1:37: error: services.s.redirect: that is every address of this machine; name the one to connect to, such as 127.0.0.1:80"
                ]
            ),
            (
                "{listen: 1, redirect: 10.0.0.1:0}",
                ["1:37: error: services.s.redirect: there is no port 0 to connect to"]
            ),
            (
                "{listen: 1, redirect: 127.0.0.1:1}",
                [
                    "1:37: error: services.s.redirect: the service itself listens there: every connection would bring another, until no room is left"
                ]
            ),
            (
                "{listen: '@x', redirect: '@x'}",
                [
                    "1:40: error: services.s.redirect: the service itself listens there: every connection would bring another, until no room is left"
                ]
            ),
            (
                "{listen: 1, exec: /bin/cat, send_proxy: v1}",
                ["1:55: error: services.s.send_proxy: it goes with redirect only"]
            ),
            (
                "{listen: 1, redirect: 10.0.0.1:80, umask: 022}",
                ["1:57: warning: services.s.umask: it has no effect on redirect"]
            ),
            ("{listen: 1, exec: []}", ["1:33: error: services.s.exec: it names no program"]),
            ("{listen: 1, exec: ''}", ["1:33: error: services.s.exec: it names no program"]),
            ("{listen: 1, exec: 'a \"b'}", ["1:33: error: services.s.exec: a closing \" is missing"]),
            ("{listen: 1, exec: a\\}", ["1:33: error: services.s.exec: it ends in a backslash"]),
            (
                "{listen: 1, exec: ./a}",
                [
                    "1:33: error: services.s.exec: \"./a\" is relative; give an absolute path, or a name that PATH leads to"
                ]
            ),
            (
                "{listen: 1, exec: {a: b}}",
                [
                    "1:33: error: services.s.exec: expected a list of a program and its arguments, or a string, not a mapping"
                ]
            ),
            (
                "{listen: udp://*:1, exec: /a}",
                [
                    "1:24: error: services.s.listen: a udp:// endpoint has no connections: exec needs wait: true beside it"
                ]
            ),
            (
                "{listen: udp://*:1, handoff: {}}",
                [
                    "1:24: error: services.s.listen: a udp:// endpoint goes with exec and wait: true, or with internal, only"
                ]
            ),
            (
                "{listen: udp://*:1, exec: /a, handoff: {}}",
                [
                    "1:24: error: services.s.listen: a udp:// endpoint goes with exec and wait: true, or with internal, only"
                ]
            ),
            (
                "{listen: udp://*:1, exec: /a, wait: yes}",
                [
                    "1:51: error: services.s.wait: expected true or false, not \"yes\"; in YAML 1.2 yes is a string: write true"
                ]
            ),
            (
                "{listen: 1, internal: echo, wait: true}",
                ["1:49: error: services.s.wait: it goes with exec only; internal takes connections one by one"]
            ),
            (
                "{listen: 1, handoff: {}, exec: /a, wait: true}",
                ["1:56: error: services.s.wait: it goes with exec only; handoff takes connections one by one"]
            ),
            (
                "{exec: /a, wait: true}",
                ["1:32: error: services.s.wait: a wait service needs listen: it is given the socket itself"]
            ),
            (
                "{listen: 1, exec: /a, wait: true, only_from: [127.0.0.1]}",
                [
                    "1:60: error: services.s.only_from: no peer is known yet when a wait handler gets a listening socket; let the handler check"
                ]
            ),
            (
                "{listen: /x, exec: /a, no_access: [127.0.0.1]}",
                [
                    "1:49: error: services.s.no_access: a unix:// endpoint has no internet address; use only_users or only_groups"
                ]
            ),
            (
                "{listen: 'unix:///x', handoff: {hold: done}}",
                [
                    "1:53: error: services.s.handoff.hold: hold: done is for tcp endpoints only; use ack"
                ]
            ),
            ("5", ["1:15: error: services.s: expected a mapping such as {listen: 79, exec: [PROGRAM]}, not \"5\""]),
        ])
    func dispatch(text: String, expected: [String]) {
        #expect(serviceFaults(text) == expected)
    }

    @Test("programs that are not there, not executable, or no files")
    func programs() throws {
        let directory = try TemporaryDirectory()
        let plain = try directory.write("plain", "x", mode: 0o644)
        func reason(_ exec: String) -> String? {
            serviceFaults("{listen: 1, exec: [\(exec)]}", resolving: true).first.map {
                String($0.dropFirst("1:33: error: services.s.exec: ".count))
            }
        }
        #expect(reason("/no/such") == "the program /no/such does not exist")
        #expect(reason(plain) == "the program \(plain) is not executable")
        #expect(reason("/tmp") == "the program /tmp is a directory")
        #expect(reason("/dev/null") == "the program /dev/null is no regular file")
        #expect(reason("no-such-program") == "there is no program \"no-such-program\" in \(ProgramFinder.safePath)")
    }

    @Test("routes are checked in full, their targets too")
    func routes() {
        func check(_ route: String) -> [String] {
            faults("services:\n  web: {listen: 1, internal: echo}\n  front: {listen: 443, route: \(route)}")
        }
        #expect(
            check(
                """
                {timeout: 3s, default: web, rules: [{match: ssh, to: web}, {match: {tls: {server_name: '*.example.org'}}, to: web},
                    {match: {http: {host: api.example.org, path: /v1, method: GET}}, to: web},
                    {match: {tls: {alpn: h2}}, to: web}, {match: {prefix: 'GET '}, to: web}], max_bytes: 4KiB}
                """
            ).isEmpty)
        #expect(
            check("{rules: [{match: ssh, to: wep}]}") == [
                "3:57: error: services.front.route.rules.to: there is no service \"wep\"; did you mean web?"
            ])
        #expect(check("{rules: [{match: ssh}]}") == ["3:40: error: services.front.route.rules: to is missing"])
        #expect(
            check("{rules: [{match: {tls: {}, http: {}}, to: web}]}") == [
                "3:48: error: services.front.route.rules.match: exactly one of tls, http, courier or prefix stands here"
            ])
        #expect(
            check("{rules: [{match: {smtp: {}}, to: web}]}").first?.hasPrefix(
                "3:49: error: services.front.route.rules.match.smtp: unknown key") == true)
        #expect(check("{rules: [{match: {courier: {program: x}}, to: web}]}").count == 1)
        #expect(
            check("{rules: [{match: {courier: {program: 2, version: 3-2}}, to: web}]}").first?.hasSuffix(
                "expected a version from 0 to 65535, or a range such as 2-3, not \"3-2\"") == true)
        #expect(check("{rules: [{match: {courier: {program: 2, version: 2-3}}, to: web}]}").isEmpty)
        #expect(check("{rules: [{match: courier, to: web}]}").isEmpty)
        #expect(check("{rules: [{match: {http: {method: get}}, to: web}]}").count == 1)
        #expect(
            check("{rules: [{match: ssh, to: front}]}").map { String($0.drop { $0 != " " }) }
                == [" error: services.front.route.rules.to: that leads back here"])
        #expect(
            faults(
                "services: {w: {listen: 1, wait: true, exec: /bin/cat}, a: {listen: 2, route: {rules: [{match: ssh, to: w}]}}}"
            ).map { String($0.drop { $0 != " " }) } == [
                " error: services.a.route.rules.to: w is a wait service: its handler takes connections itself and cannot be given one"
            ])
        #expect(
            check("{rules: [{match: ssh, to: web}], default: nil}") == [
                "3:73: error: services.front.route.default: there is no service \"nil\"; known here: front, web"
            ])
        #expect(
            faults("services: {a: {listen: 1, handoff: {pass_to: [b]}}}").last
                == "1:47: error: services.a.handoff.pass_to: there is no service \"b\"; known here: a")
    }

    @Test("a service's name", arguments: ["-a", ".a", "a b", "ä", "''", "a/b", String(repeating: "x", count: 65)])
    func names(name: String) {
        let found = faults("services: {\(name): {listen: 1, internal: echo}}")
        #expect(found.count == 1)
        #expect(found.first?.contains("a service's name is 1 to 64 letters") == true)
    }

    @Test("all faults come at once, in the order of the file")
    func allAtOnce() {
        #expect(
            faults(
                """
                log: {level: loud}
                frobs: 1
                limits: {open_files: lots}
                services:
                  a: {listen: 99999, internal: ecco}
                  b:
                    listen: 80
                    exec: ./x
                    umask: 9
                    lisen: 5
                metrics: {lisen: 9100}
                control: {groop: x}
                """) == [
                    "1:14: error: log.level: expected debug, info, notice, warning or error, not \"loud\"",
                    "2:1: error: frobs: unknown key; known here: include, runtime_directory, supervisor_user, log, control, metrics, limits, defaults, services",
                    "3:22: error: limits.open_files: expected a number from 64 to 1073741824, or unlimited, not \"lots\"",
                    "5:15: error: services.a.listen: \"99999\" is no endpoint: a port is 0 to 65535",
                    "5:32: error: services.a.internal: expected echo, discard, daytime, time, chargen, qotd or tcpmux, not \"ecco\"",
                    "8:11: error: services.b.exec: \"./x\" is relative; give an absolute path, or a name that PATH leads to",
                    "9:12: error: services.b.umask: expected octal digits up to 777, such as 022, not \"9\"",
                    "10:5: error: services.b.lisen: unknown key; did you mean listen?",
                    "11:11: error: metrics.lisen: unknown key; did you mean listen?",
                    "12:11: error: control.groop: unknown key; did you mean group?",
                ])
    }
}
