internal import LinuxSystem

/// Whose processes may be signalled: children of the monitor and of its worker. What these start is theirs until it is
/// orphaned, and then the monitor's, for it is a subreaper (PR_SET_CHILD_SUBREAPER).
struct Lineage {
    let parents: Set<Int32>
    /// The monitor's group, in which are, besides it, those who close descriptors for it: what is started has a session
    /// of its own.
    var ownGroup = ChildProcess.group(of: CurrentProcess.pid)

    func isChild(_ pid: Int32) -> Bool {
        ProcessBirth(of: pid).map { parents.contains($0.parent) && $0.group != ownGroup } ?? false
    }

    /// The group is led by such a child, or, when that is gone, has one in it.
    func isGroup(_ group: Int32) -> Bool {
        guard group != ownGroup else { return false }
        if let leader = ProcessBirth(of: group) { return leader.group == group && parents.contains(leader.parent) }
        return ProcessBirth.all.contains { pid in
            ProcessBirth(of: pid).map { $0.group == group && parents.contains($0.parent) } ?? false
        }
    }
}
