internal import CLinux
package import SystemPackage

/// What a process that has begun as root gives up for good, before it reads anything from outside.
///
/// Its children have no more, nor has the program that it becomes (`resume`). Only where there is one thread.
package struct Confinement: Hashable, Sendable {
    /// What this kernel has not, or does not grant, and why.
    package private(set) var missing: [Measure: Errno] = [:]

    package enum Measure: String, CaseIterable, Sendable {
        /// None held, and none to be had by executing a program.
        case noCapabilities = "no capabilities"
        /// Neither setuid programs nor file capabilities give it anything any more.
        case noNewPrivileges = "no new privileges"
        /// Nobody but root may trace it or read its memory, whoever else runs as the same user.
        case notDumpable = "not dumpable"
        /// Memory that was writable is never executed (Linux 6.3).
        case fixedCode = "no execution of written memory"
        /// No file is opened for writing, made, removed or renamed (Linux 5.13).
        case fixedFiles = "no change of files"
        /// No TCP port is bound (Linux 6.7).
        case noTCPPorts = "no binding of TCP ports"
        /// No signal reaches a process that was not confined with it (Linux 6.12).
        case ownSignals = "no signals to others"
        /// No system call but those of a list (x86-64 and aarch64).
        case listedCalls = "no system calls but listed ones"
    }

    /// Becomes `identity`, and takes all measures that this kernel has.
    ///
    /// - Parameters:
    ///   - identity: Nil keeps the one it has.
    ///   - wanted: The measures to be taken.
    /// - Throws: When it could not become `identity`: who may not change it must have it already. It may have become it in
    ///   part, so there is nothing to do but to end.
    package static func enter(
        _ identity: SpawnPlan.Identity?, _ wanted: Set<Measure> = Set(Measure.allCases)
    ) throws(Errno) -> Confinement {
        var confinement = Confinement()
        func take(_ measure: Measure, _ step: () -> Int32) {
            guard wanted.contains(measure) else { return }
            do throws(Errno) { try SystemCall.value(step) } catch { confinement.missing[measure] = error }
        }
        // While there is CAP_SETPCAP.
        take(.noCapabilities, baton_bound_all_capabilities)
        if let identity { try become(identity) }
        take(.noCapabilities, baton_drop_capabilities)
        take(.noNewPrivileges, baton_refuse_privileges)
        take(.notDumpable, baton_refuse_dumps)
        take(.fixedCode, baton_refuse_written_code)
        take(.fixedFiles, baton_refuse_file_changes)
        take(.noTCPPorts, baton_refuse_tcp_ports)
        take(.ownSignals, baton_refuse_foreign_signals)
        // The last one: none of the calls for the others is in the list.
        take(.listedCalls, baton_refuse_calls)
        return confinement
    }

    /// After an exec of a confined process, first thing: the kernel kept all measures but this one.
    package static func resume() {
        _ = baton_refuse_dumps()
    }

    private static func become(_ identity: SpawnPlan.Identity) throws(Errno) {
        // The order in which the kernel has them.
        let groups = identity.groups.sorted()
        try SystemCall.value {
            unsafe baton_become_identity(identity.uid ?? UInt32.max, identity.gid, groups, groups.count)
        }
    }
}

extension Confinement: CustomStringConvertible {
    /// `all measures`, or those that are missing, each with its reason.
    package var description: String {
        if missing.isEmpty { return "all measures" }
        let list = Measure.allCases.compactMap { measure in missing[measure].map { "\(measure.rawValue) (\($0))" } }
        return "missing: " + list.joined(separator: ", ")
    }
}
