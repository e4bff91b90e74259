internal import DequeModule
internal import LinuxSystem

/// Closes files in children that share our table of descriptors: every close of a file may ask its file system, and wait.
final class FileClosers {
    private let instances: InstanceTable
    private let loop: EventLoop
    private var retry: TimerID?
    private var children = 0
    /// For which there is no child yet.
    private var files: Deque<DescriptorBox> = []

    /// Children that wait in close for a file system at a time. Nothing but its answer frees them.
    private static let mostChildren = 32
    /// Files that one of them closes.
    private static let filesOfChild = 64

    /// To the next try when there can be no child.
    private static let shortage = Duration.seconds(1)

    init(_ instances: InstanceTable, loop: EventLoop) {
        self.instances = instances
        self.loop = loop
    }

    var count: Int { files.count }
    /// Some are not closed yet, and may never be.
    var isBusy: Bool { children > 0 || !files.isEmpty }

    func close(_ file: DescriptorBox) {
        files.append(file)
        close()
    }

    private func close() {
        while children < Self.mostChildren, !files.isEmpty {
            let group = Array(files.prefix(Self.filesOfChild))
            files.removeFirst(group.count)
            guard let pid = Spawn.closeInChild(group) else {
                // Never closed in here: whoever sends files may also see to it that there are no processes to be had.
                files.prepend(contentsOf: group)
                return closeLater()
            }
            children += 1
            instances.trackOwn(pid) { [self] _ in
                children -= 1
                close()
            }
        }
    }

    private func closeLater() {
        guard retry == nil else { return }
        retry = loop.schedule(after: Self.shortage) { [weak self] in
            guard let self else { return }
            retry = nil
            close()
        }
    }
}
