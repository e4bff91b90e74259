internal import LinuxSystem
internal import SystemPackage

/// What a launcher and its pool have in common, before there is a process: the channel, and the page of the report.
struct LauncherEnds {
    let channel: DescriptorBox
    let report: SpawnReportPage
    /// The launcher's end of the channel. Once it has started, it alone holds it.
    let theirs: DescriptorBox

    init() throws(Errno) {
        let pair = try Socket.pair(.sequencedPacket)
        for end in [pair.ours.borrowed, pair.theirs.borrowed] {
            try Socket.set(.sendBuffer, LaunchJob.sendBuffer, on: end)
        }
        channel = DescriptorBox(pair.ours)
        theirs = DescriptorBox(pair.theirs)
        report = try SpawnReportPage.shareable(places: LaunchJob.mostUnderWay)
    }

    /// Starts the launcher as our own child.
    ///
    /// - Parameter permits: What a guarded one may start.
    func start(_ plan: SpawnPlan, permits: FileDescriptor?) throws(Errno) -> Int32 {
        guard let channel = theirs.borrowed else { throw .invalidArgument }
        let passing = [channel, report.borrowed] + (permits.map { [$0] } ?? [])
        var plan = plan
        plan.descriptors = [.null, .null, .null] + passing.indices.map { .passed($0) }
        switch Spawn.start(plan, passing: passing, report: try SpawnReportPage()) {
        case .running(let pid):
            _ = theirs.take()
            return pid
        case .failed(_, _, let error): throw error
        }
    }

    /// To have it started by another launcher.
    func passing() throws(Errno) -> [DescriptorBox] {
        [theirs, DescriptorBox(try report.borrowed.duplicate())]
    }
}
