internal import CLinux
package import SystemPackage

/// Where spawns are right now: a page that a process shares with its children on their way to a program, and with the one who
/// watches it, so that a child which hangs before its exec can be seen, named and killed. Each place on it is for one spawn
/// at a time.
///
/// Safe although it holds a pointer: the mapping lives as long as the object and is never moved.
@safe
package final class SpawnReportPage {
    /// Nil for a page of this process and its children alone.
    private let descriptor: DescriptorBox?
    private let page: UnsafeMutablePointer<baton_spawn_report>
    /// Its places.
    package let count: Int

    /// A fresh page of this process and its children alone: it takes no descriptor.
    package convenience init(places count: Int = 1) throws(Errno) {
        try self.init(behind: nil, count)
    }

    /// A fresh page that can be passed to another process (memfd_create(2)).
    package static func shareable(places count: Int = 1) throws(Errno) -> SpawnReportPage {
        let number = try SystemCall.value { baton_report_create(count) }
        return try SpawnReportPage(attaching: OwnedDescriptor(adopting: number), places: count)
    }

    /// The page behind a descriptor of another process's `SpawnReportPage`; EINVAL if it is too short for one.
    package convenience init(attaching descriptor: consuming OwnedDescriptor, places count: Int = 1) throws(Errno) {
        try self.init(behind: DescriptorBox(descriptor), count)
    }

    private init(behind descriptor: DescriptorBox?, _ count: Int) throws(Errno) {
        self.count = count
        self.descriptor = descriptor
        let number = descriptor?.borrowed?.rawValue ?? -1
        var mapped: UnsafeMutablePointer<baton_spawn_report>?
        try SystemCall.value { unsafe baton_report_map(number, count, &mapped) }
        guard let page = unsafe mapped else { throw .noMemory }
        unsafe self.page = unsafe page
    }

    deinit {
        unsafe baton_report_unmap(page, count)
    }

    /// To be passed to the process that spawns; of a page that can be.
    package var borrowed: FileDescriptor { descriptor?.borrowed ?? FileDescriptor(rawValue: -1) }

    func place(_ index: Int) -> UnsafeMutablePointer<baton_spawn_report> {
        precondition((0..<count).contains(index))
        return unsafe page + index
    }

    /// What one place says at one moment.
    package struct Snapshot: Hashable, Sendable {
        /// The number of the job last begun; 0 before the first.
        package var job: UInt64
        /// Nil until the child exists.
        package var pid: Int32?
        /// The step under way, or the one that failed.
        package var stage: SpawnStage
        package var error: Errno?
        /// It has neither executed its program nor ended. What the kernel tells of it is lost with the process that
        /// began it: then it says so for ever.
        package var isUnderWay: Bool

        /// What became of it, once it is not under way.
        package var outcome: SpawnOutcome {
            if let error { return .failed(pid: pid, stage: stage, error: error) }
            guard let pid else { return .failed(pid: nil, stage: stage, error: .canceled) }
            // Somebody killed it on its way.
            return stage == .exec ? .running(pid: pid) : .failed(pid: pid, stage: stage, error: .canceled)
        }
    }

    func isUnderWay(_ index: Int) -> Bool {
        unsafe baton_spawn_is_under_way(place(index)) != 0
    }

    package func snapshot(_ index: Int = 0) -> Snapshot {
        let report = unsafe baton_report_read(place(index))
        return Snapshot(
            job: report.job, pid: report.pid > 0 ? report.pid : nil,
            stage: SpawnStage(rawValue: report.stage) ?? .prepare,
            error: report.error == 0 ? nil : Errno(rawValue: report.error), isUnderWay: report.is_under_way != 0)
    }

    /// The highest number of a job that stands there.
    package var lastJob: UInt64 {
        (0..<count).map { snapshot($0).job }.max() ?? 0
    }

    /// What stands there of the job `number`; nil when it was not begun.
    package func snapshot(ofJob number: UInt64) -> Snapshot? {
        for index in 0..<count {
            let snapshot = snapshot(index)
            if snapshot.job == number { return snapshot }
        }
        return nil
    }
}
