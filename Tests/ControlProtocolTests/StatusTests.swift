import Testing

@testable import ControlProtocol

@Suite("Status")
struct StatusTests {
    /// Everything that a status can hold, once.
    static var full: SupervisorStatus {
        var counters = ConnectionCounters()
        counters.accepted = 10
        counters.active = 3
        counters.refused[.perSource] = 1
        counters.dropped[.loop] = 2
        counters.handedOff = 9
        counters.ended = 6
        var app = ServiceStatus(
            name: "app", dispatch: .handoff, state: .ready,
            listeners: [
                ListenerStatus(name: "app", address: "127.0.0.1:8080", transport: "tcp", state: .listening),
                ListenerStatus(
                    name: "v6", address: "[::1]:8080", transport: "tcp", state: .retrying,
                    error: "Address already in use", retry: .milliseconds(1500)),
            ], connections: counters)
        app.handlers = [
            HandlerStatus(
                id: "1", pid: 2, kind: .supervised, state: .ready, capacity: 1024, held: 3, unacknowledged: 0,
                served: 7,
                started: Timestamp(seconds: 1_795_477_201, nanoseconds: 123_000_000),
                lastSignOfLife: .milliseconds(400),
                status: "fine")
        ]
        var finger = ServiceStatus(name: "finger", dispatch: .exec, state: .failed)
        finger.reason = "its program is gone"
        finger.lastFailure = StartFailure(
            stage: "exec", error: "No such file or directory", time: Timestamp(seconds: 1_795_477_200))
        finger.pausedSince = Timestamp(seconds: 1_795_477_202)
        finger.retry = .milliseconds(2500)
        finger.lastCrash = Crash(
            handler: "7", pid: 8, reason: "was ended by signal SEGV", connection: 9, peer: "[::1]:9",
            time: Timestamp(seconds: 1_795_477_203))
        finger.lastRefusals = [
            LastRefusal(
                reason: .proxy, detail: "malformed", connection: 10, peer: "10.0.0.1:2",
                time: Timestamp(seconds: 1_795_477_204))
        ]
        app.handlers[0].unacknowledgedFor = .milliseconds(20)
        app.handlers[0].unresponsive = .seconds(2)
        finger.timings.spawn.record(.milliseconds(3))
        finger.processes = [ProcessStatus(pid: 9, started: Timestamp(seconds: 1), connection: .max)]
        return SupervisorStatus(
            version: "0.1.0", pid: 1, uptime: .milliseconds(12_300), table: "baton.yaml", openFiles: 1_048_576,
            services: [app, finger])
    }

    @Test("a status survives the way over the socket")
    func roundTrip() throws {
        let json = try JSON(parsing: Array(Self.full.json.text.utf8), limits: .reply)
        #expect(try SupervisorStatus(json: json) == Self.full)
    }

    @Test("its members have the names and the order of the contract")
    func contract() throws {
        func names(_ json: JSON?) -> [String]? { json?.object?.members.map(\.name) }
        let status = Self.full.json.object
        #expect(names(Self.full.json) == ["version", "pid", "uptime_seconds", "table", "state", "limits", "services"])
        let service = status?["services"]?.array?[0].object
        #expect(service?.members.map(\.name) == ["name", "dispatch", "state", "listeners", "connections", "handlers"])
        #expect(names(service?["listeners"]?.array?[0]) == ["name", "address", "protocol", "state"])
        #expect(
            names(service?["connections"]) == [
                "active", "accepted", "queued", "refused", "dropped", "spawned", "handed_off", "requeued", "ended",
                "cut",
                "abandoned", "lost",
            ])
        #expect(service?["connections"]?.object?["refused"] == ["per_source": 1])
        #expect(
            names(service?["handlers"]?.array?[0]) == [
                "id", "pid", "kind", "state", "capacity", "held", "unacknowledged", "served", "started",
                "last_sign_of_life_seconds", "status", "unresponsive_seconds", "unacknowledged_seconds",
            ])
        #expect(status?["uptime_seconds"] == 12.3)
    }

    @Test("the words of the states and reasons are those of the contract")
    func words() {
        #expect(
            ServiceStatus.State.allCases.map(\.rawValue) == [
                "ready", "idle", "limited", "paused", "failed", "draining", "disabled",
            ])
        #expect(ListenerStatus.State.allCases.map(\.rawValue) == ["listening", "waiting", "paused", "retrying"])
        #expect(
            HandlerStatus.State.allCases.map(\.rawValue) == ["starting", "ready", "busy", "unresponsive", "draining"])
        #expect(
            RefusalReason.allCases.map(\.rawValue) == [
                "source", "time", "load", "instances", "connections", "per_source", "rate", "rate_per_source", "global",
                "proxy", "route", "no_handler", "queue_full", "queue_timeout", "passed", "spawn", "stopping",
            ])
        #expect(DropReason.allCases.map(\.rawValue) == ["source", "rate", "loop", "trigger"])
    }

    @Test("members that a newer supervisor adds are passed over; missing ones are named")
    func changed() throws {
        guard var object = Self.full.json.object else { return }
        object.append("news", ["a": 1])
        #expect(try SupervisorStatus(json: .object(object)) == Self.full)
        object.members.removeAll { $0.name == "pid" }
        #expect(throws: JSONShapeError(key: "pid", message: "missing")) { try SupervisorStatus(json: .object(object)) }
        object.members = object.members.map {
            $0.name == "services" ? .init(name: "services", value: [["name": 1]]) : $0
        }
        object.append("pid", 1)
        #expect(throws: JSONShapeError(key: "services.name", message: "a string is expected")) {
            try SupervisorStatus(json: .object(object))
        }
    }

    @Test("every accepted connection is in exactly one place")
    func balance() {
        var counters = ConnectionCounters()
        #expect(counters.isBalanced)
        counters.accepted = 7
        #expect(!counters.isBalanced)
        counters.active = 1
        counters.queued = 1
        counters.refused[.spawn] += 1
        counters.ended = 1
        counters.cut = 1
        counters.abandoned = 1
        counters.lost = 1
        #expect(counters.isBalanced)
        // None of these is a place.
        counters.dropped[.rate] += 1
        counters.spawned = 5
        counters.handedOff = 5
        counters.requeued = 5
        #expect(counters.isBalanced)
    }

    @Test("a reason that was counted down to nothing is absent")
    func reasons() {
        var counts = ReasonCounts<RefusalReason>()
        counts[.rate] += 2
        counts[.source] += 1
        #expect(counts.total == 3)
        #expect(counts.json.text == #"{"source":1,"rate":2}"#)
        counts[.rate] -= 2
        #expect(counts.json.text == #"{"source":1}"#)
    }

    @Test("what is wrong is said in words, and limits at work are not wrong")
    func health() {
        let problems = Self.full.problems
        #expect(
            problems == [
                "app: cannot listen on [::1]:8080: Address already in use, next try in 1.5s",
                "finger: failed: its program is gone; last failed at exec: No such file or directory; next try in 2.5s",
            ])
        var service = ServiceStatus(name: "a", dispatch: .exec, state: .limited)
        #expect(service.problems.isEmpty)
        service.listeners = [ListenerStatus(name: "a", address: "*:79", transport: "tcp", state: .retrying)]
        #expect(service.problems == ["a: cannot listen on *:79"])
        service.state = .draining
        #expect(service.problems.isEmpty)
        service.connections.lost = 1
        service.connections.accepted = 1
        #expect(service.problems.count == 1)
        service.connections.accepted = 2
        #expect(service.problems.count == 2)
    }

    @Test("a program that does not start, or keeps failing, is a problem until something serves")
    func failing() {
        var service = ServiceStatus(name: "a", dispatch: .handoff, state: .idle)
        service.lastFailure = StartFailure(stage: "exec", error: "Permission denied", time: Timestamp(seconds: 0))
        #expect(service.problems == ["a: last failed at exec: Permission denied"])
        service.retry = .seconds(4)
        #expect(service.problems == ["a: last failed at exec: Permission denied; next try in 4.0s"])
        service.handlers = Self.full.services[0].handlers
        #expect(service.problems.isEmpty)
        service.handlers[0].state = .unresponsive
        service.handlers[0].unresponsive = .seconds(3)
        service.lastFailure = nil
        service.retry = nil
        #expect(
            service.problems == ["a: handler 1 (pid 2) is unresponsive for 3.0s, last sign of life 400ms ago"])
        var wait = ServiceStatus(name: "w", dispatch: .exec, state: .limited)
        wait.retry = .seconds(1)
        wait.reason = "trigger_limit"
        #expect(wait.problems == ["w: its handler keeps failing: trigger_limit; next try in 1.0s"])
    }

    @Test("the first line answers whether all is well")
    func verdict() {
        #expect(Self.full.verdict == "not healthy: 2 services, 2 handlers, 3 connections")
        var status = SupervisorStatus(
            version: "1", pid: 1, uptime: .zero, table: "t", openFiles: 1,
            services: [ServiceStatus(name: "a", dispatch: .exec, state: .paused)])
        #expect(status.verdict == "healthy: 1 service (1 paused), 0 handlers, 0 connections")
        status.state = .stopping
        #expect(status.verdict.hasPrefix("stopping, healthy: "))
    }

    @Test("a list of connections survives the way over the socket")
    func connections() throws {
        let list = ConnectionList(
            connections: ConnectionStatus.State.allCases.enumerated().map { number, state in
                ConnectionStatus(
                    id: UInt64(number), peer: "10.0.0.1:2", service: "a", handler: number == 1 ? "7" : nil,
                    pid: number == 2 ? 8 : nil, listener: "l", accepted: Timestamp(seconds: 1),
                    age: .milliseconds(1500), state: state)
            }, omitted: 3)
        #expect(try ConnectionList(json: JSON(parsing: Array(list.json.text.utf8), limits: .reply)) == list)
        #expect(
            list.json.object?["connections"]?.array?[1].text
                == #"{"id":"1","peer":"10.0.0.1:2","service":"a","handler":"7","listener":"l","#
                + #""accepted":"1970-01-01T00:00:01.000Z","age_seconds":1.5,"state":"banner"}"#)
    }
}
