import Foundation
import Synchronization
import TestSupport

/// Makes each system call of a scenario fail, one at a time, and looks at what is left each time.
final class FaultSweep {
    private let scenario: FaultScenario
    let began = Deadline.now()
    private var surroundings: FaultScenario.Surroundings
    private var supervisor: RunningSupervisor
    private var injector: FaultInjector
    private(set) var failures: [String] = []
    private(set) var walked = 0
    private(set) var missed: [SystemCallFault] = []
    /// Met by the end of the worker, and another one.
    private(set) var replaced: [SystemCallFault] = []
    /// Of workers, in the scenario by itself.
    private var usualRestarts = 0

    /// `all`, or the name of a scenario: each call with each of its errors. `each`, or nothing: each call with one of them, and of
    /// those that are made often the first ones; with nothing in some scenarios only.
    static let what = ProcessInfo.processInfo.environment["BATON_FAULTS"]
    static let isWhole = what != nil && what != "each"
    private static let mostOccurrences = isWhole ? 40 : 2

    /// More calls than this after a failure are those of a loop that goes round and round.
    private static let mostCalls = 5_000
    /// How long a shortage lasts, and how often is asked meanwhile at most whether it is over: some of it is in steps of 10 ms.
    private static let shortage = 0.15
    private static let mostTries = 60

    init(_ scenario: FaultScenario) throws {
        self.scenario = scenario
        (surroundings, supervisor, injector) = try Self.start(scenario)
    }

    private static func start(
        _ scenario: FaultScenario
    ) throws -> (FaultScenario.Surroundings, RunningSupervisor, FaultInjector) {
        let injector = try FaultInjector()
        let directory = try TemporaryDirectory()
        let surroundings = try scenario.around(directory)
        let supervisor = try RunningSupervisor(
            scenario.text(in: directory, surroundings), in: directory,
            environment: injector.environment().merging(surroundings.environment) { $1 },
            program: FaultInjector.program)
        // What is made once and kept is there then.
        for _ in 0..<2 { try scenario.drive(supervisor, surroundings) }
        _ = try settle(supervisor)
        supervisor.markBaseline()
        return (surroundings, supervisor, injector)
    }

    private func drive() throws { try scenario.drive(supervisor, surroundings) }

    /// What it has called, the start included.
    func reached() throws -> Set<FallibleCall> {
        try supervisor.stop()
        return injector.counts.values.reduce(into: []) { $0.formUnion($1.keys) }
    }

    /// Each call that the scenario makes fails once.
    func run() throws {
        let counts = try counts()
        try walk(Self.faults(counts)) { [self] fault in
            let began = Deadline.now()
            // Who is in its way need not be served, but is told so.
            try? drive()
            let seconds = Double(Deadline.now() - began) / 1e9
            _ = try? Self.settle(supervisor)
            guard seconds < 15 else { throw TestFailure("a client was left hanging for \(seconds) s") }
        }
    }

    /// What the kernel can be short of is missing for a while.
    func runShortages() throws {
        var turn = 0
        let counts = try counts().filter { [.supervisor, .worker].contains($0.key) || Self.isWhole }
        let faults = counts.flatMap { role, calls in
            calls.keys.flatMap { call in
                turn += 1
                let errors = call.shortages
                let some = Self.isWhole || errors.isEmpty ? errors : [errors[turn % errors.count]]
                return some.map { SystemCallFault(role, call, occurrence: 1, error: $0, lasts: true) }
            }
        }
        try walk(faults) { [self] fault in
            let injector = injector
            let end = Threads(1) { _ in
                idleInterval(seconds: Self.shortage)
                _ = injector.disarm()
            }
            try? drive()
            try end.join()
            let failures = injector.disarm()
            guard failures < Self.mostTries else { throw TestFailure("\(failures) tries in \(Self.shortage) s") }
        }
    }

    private func walk(_ faults: [SystemCallFault], _ meet: (SystemCallFault) throws -> Void) throws {
        for fault in faults {
            do {
                let restarts = try restarts()
                injector.arm(fault)
                try meet(fault)
                if injector.disarm() > 0 { walked += 1 } else { missed.append(fault) }
                if try self.restarts() > restarts + usualRestarts { replaced.append(fault) }
                try expectServing()
            } catch {
                failures.append("\(scenario.name), \(fault): \(error)\n\(supervisor.log.tail)")
                print("\(scenario.name), \(fault): \(error)")
                (surroundings, supervisor, injector) = try Self.start(scenario)
            }
        }
        try supervisor.stop()
    }

    // MARK: Which

    /// What the scenario calls, without what it takes to see that it is over.
    private func counts() throws -> [ProcessRole: [FallibleCall: Int]] {
        let before = try restarts()
        injector.arm(nil)
        try drive()
        _ = try Self.settle(supervisor)
        let all = injector.counts
        usualRestarts = try restarts() - before
        injector.arm(nil)
        _ = try Self.settle(supervisor)
        return Self.difference(all, injector.counts)
    }

    static func difference(
        _ all: [ProcessRole: [FallibleCall: Int]], _ asking: [ProcessRole: [FallibleCall: Int]]
    ) -> [ProcessRole: [FallibleCall: Int]] {
        all.reduce(into: [:]) { result, entry in
            let calls = entry.value.map { ($0.key, $0.value - (asking[entry.key]?[$0.key] ?? 0)) }
            result[entry.key] = Dictionary(uniqueKeysWithValues: calls.filter { $0.1 > 0 })
        }
    }

    static func faults(_ counts: [ProcessRole: [FallibleCall: Int]]) -> [SystemCallFault] {
        var turn = 0
        var faults: [SystemCallFault] = []
        for role in ProcessRole.allCases {
            for call in FallibleCall.all {
                for occurrence in 0..<min(counts[role]?[call] ?? 0, mostOccurrences) {
                    turn += 1
                    let errors = isWhole ? call.errors : [call.errors[turn % call.errors.count]]
                    faults += errors.map { SystemCallFault(role, call, occurrence: occurrence + 1, error: $0) }
                }
            }
        }
        return faults
    }

    private func restarts() throws -> Int { try supervisor.status().worker?.restarts ?? 0 }

    // MARK: Afterwards

    private func expectServing() throws {
        guard supervisor.view.isAlive else { throw TestFailure("the supervisor is gone") }
        injector.arm(nil)
        try drive()
        let services = try Self.settle(supervisor)
        try supervisor.expectNoLeak()
        for service in services where service.connections.lost != 0 || !service.connections.isBalanced {
            throw TestFailure("\(service.name): \(service.connections)")
        }
        guard injector.supervisorCalls < Self.mostCalls else {
            throw TestFailure("\(injector.supervisorCalls) system calls: \(injector.counts[.supervisor] ?? [:])")
        }
    }

    private static func settle(_ supervisor: RunningSupervisor) throws -> [StatusReport.Service] {
        var last: [StatusReport.Service] = []
        let settled = try eventually(within: Deadline(seconds: 10)) {
            last = try supervisor.status().services
            return last.allSatisfy { $0.connections.active == 0 && $0.connections.queued == 0 }
        }
        guard settled else { throw TestFailure("not over: \(last)") }
        return last
    }
}
