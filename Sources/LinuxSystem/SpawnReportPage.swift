internal import CLinux
package import SystemPackage

/// Where a spawn is right now: a page that the one who spawns and the one who watches share, so that a child
/// which hangs before its exec can be seen, named and killed.
///
/// Safe although it holds a pointer: the mapping lives as long as the object and is never moved.
@safe
package final class SpawnReportPage {
    private let descriptor: OwnedDescriptor
    let page: UnsafeMutablePointer<baton_spawn_report>

    /// A fresh page (memfd_create(2)).
    package convenience init() throws(Errno) {
        try self.init(attaching: OwnedDescriptor(adopting: try SystemCall.value { baton_report_create() }))
    }

    /// The page behind a descriptor of another process's `SpawnReportPage`; EINVAL if it is too short for one.
    package init(attaching descriptor: consuming OwnedDescriptor) throws(Errno) {
        let number = descriptor.rawValue
        self.descriptor = descriptor
        var mapped: UnsafeMutablePointer<baton_spawn_report>?
        try SystemCall.value { unsafe baton_report_map(number, &mapped) }
        guard let page = unsafe mapped else { throw .noMemory }
        unsafe self.page = unsafe page
    }

    deinit {
        unsafe baton_report_unmap(page)
    }

    /// To be passed to the process that spawns.
    package var borrowed: FileDescriptor { descriptor.borrowed }

    /// What the page says at one moment.
    package struct Snapshot: Hashable, Sendable {
        /// The number of the job last begun; 0 before the first.
        package var job: UInt64
        /// Nil until the child exists.
        package var pid: Int32?
        /// The step under way, or the one that failed.
        package var stage: SpawnStage
        package var error: Errno?
    }

    package func snapshot() -> Snapshot {
        let report = unsafe baton_report_read(page)
        return Snapshot(
            job: report.job, pid: report.pid > 0 ? report.pid : nil,
            stage: SpawnStage(rawValue: report.stage) ?? .prepare,
            error: report.error == 0 ? nil : Errno(rawValue: report.error))
    }
}
