import Foundation
import TestSupport
import Testing

/// System calls that fail: the supervisor lives on, the next client is served, nothing leaks, every connection is counted,
/// and nothing spins.
@Suite(.enabled(if: geteuid() == 0)) struct FaultTests {
    @Test("whichever call fails once, the next client is served and nothing is left", arguments: FaultScenario.all)
    func once(_ scenario: FaultScenario) throws {
        let sweep = try FaultSweep(scenario)
        try sweep.run()
        expect(sweep, scenario)
    }

    @Test(
        "whatever the kernel is short of for a while, it is asked for now and then, and all goes on afterwards",
        arguments: FaultSweep.isWhole ? FaultScenario.lasting : FaultScenario.short)
    func shortage(_ scenario: FaultScenario) throws {
        let sweep = try FaultSweep(scenario)
        try sweep.runShortages()
        expect(sweep, scenario)
    }

    private func expect(_ sweep: FaultSweep, _ scenario: FaultScenario) {
        print("\(scenario.name): \(sweep.walked) failures walked, not reached: \(sweep.missed)")
        #expect(sweep.walked > 0)
        #expect(sweep.failures.isEmpty, "\(sweep.failures.joined(separator: "\n\n"))")
    }
}
