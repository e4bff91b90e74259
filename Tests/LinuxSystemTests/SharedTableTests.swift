import Foundation
import LinuxSystem
import TestSupport
import Testing

/// What children that begin with our table of descriptors need of the kernel.
@Suite struct SharedTableTests {
    @Test("whether a table can be left without harm is found out, and nothing stays of the trial")
    func trial() throws {
        let (before, after, isGood) = try withOwnDescriptors {
            let before = try ownDescriptors()
            let isGood = Spawn.canLeaveSharedTable()
            return (before, try ownDescriptors(), isGood)
        }
        // Older ones may have had the repair.
        let isNew = ProcessInfo.processInfo.isOperatingSystemAtLeast(
            OperatingSystemVersion(majorVersion: 6, minorVersion: 11, patchVersion: 0))
        #expect(isGood == true || !isNew)
        #expect(before == after)
    }
}
