internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// A guarded launcher that has nothing to do: who takes over has it start one of its own program, for it cannot start
/// any itself.
struct SavedLauncher: Saved {
    var pid: Int32 = 0
    var channel = SavedDescriptor()
    var report = SavedDescriptor()

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&pid)
        coder.value(&channel)
        coder.value(&report)
    }
}

extension LauncherEnds {
    init(_ saved: SavedLauncher) throws(Errno) {
        channel = saved.channel.adoptBox()
        report = try SpawnReportPage(attaching: saved.report.adopt(), places: LaunchJob.mostUnderWay)
        theirs = DescriptorBox()
    }
}
