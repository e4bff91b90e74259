internal import LinuxSystem
internal import SystemPackage

/// The process that does what may block or needs privilege: it gets jobs and descriptors over a seqpacket
/// channel, one at a time, and answers each.
///
/// It knows no policy. What it spawns are the supervisor's children, not its own, so it never waits for one
/// that has executed its program; one that hangs before that is the supervisor's to kill.
package struct Launcher: ~Copyable {
    private let channel: OwnedDescriptor
    private let report: SpawnReportPage
    private let dispositions: SignalDispositions
    private var buffer = [UInt8](repeating: 0, count: LaunchJob.mostBytes)

    /// Serves jobs until the channel ends, which it does with the supervisor.
    ///
    /// - Parameters:
    ///   - channel: The descriptor of the channel.
    ///   - report: The descriptor of the page that tells which job is under way (`SpawnReportPage`).
    /// - Returns: The exit status: 0 at the end of the channel.
    package static func run(channel: Int32, report: Int32) -> Int32 {
        guard let page = try? SpawnReportPage(attaching: OwnedDescriptor(adopting: report)) else { return 71 }
        let dispositions = LaunchProcess.settle(name: "baton-launcher")
        var launcher = Launcher(
            channel: OwnedDescriptor(adopting: channel), report: page, dispositions: dispositions)
        return launcher.serve() ? 0 : 71
    }

    private init(channel: consuming OwnedDescriptor, report: SpawnReportPage, dispositions: SignalDispositions) {
        self.channel = channel
        self.report = report
        self.dispositions = dispositions
    }

    /// - Returns: True at the end of the channel, false when it broke.
    private mutating func serve() -> Bool {
        while true {
            do {
                let received = try DescriptorPassing.receive(
                    into: &buffer, room: LaunchJob.mostDescriptors, on: channel.borrowed, blocking: true)
                if received.count == 0 { return true }
                guard let reply = answer(received) else { return false }
                // Now, not when the array happens to go: until the reply the supervisor holds them too, so none
                // of these closes is the last, which might block.
                for box in received.descriptors { _ = box.take() }
                try DescriptorPassing.send(reply.encode(), on: channel.borrowed, blocking: true)
            } catch {
                // The supervisor is gone with replies or jobs on their way.
                return error == .brokenPipe || error == .connectionReset
            }
        }
    }

    private mutating func answer(_ received: DescriptorPassing.Received) -> LaunchReply? {
        guard let job = LaunchJob.decode(buffer, count: received.count) else { return nil }
        return LaunchReply(number: job.number, outcome: carryOut(job, received))
    }

    private mutating func carryOut(
        _ job: LaunchJob.Received, _ received: DescriptorPassing.Received
    ) -> SpawnOutcome {
        if received.dataTruncated { return .failed(pid: nil, stage: .prepare, error: .argListTooLong) }
        // Its own table is full.
        if received.descriptorsTruncated { return .failed(pid: nil, stage: .prepare, error: .tooManyOpenFiles) }
        switch job.task {
        case .spawn(var image):
            return Spawn.start(
                &image, in: &buffer, passing: received.descriptors.compactMap(\.borrowed), asSibling: true,
                job: job.number, report: report, dispositions: dispositions)
        case .close:
            guard let socket = received.descriptors.first?.take() else {
                return .failed(pid: nil, stage: .prepare, error: .invalidArgument)
            }
            // Without a child the launcher waits in close itself; the supervisor replaces it if that takes long.
            guard let pid = Spawn.closeByExit(socket) else {
                return .failed(pid: nil, stage: .clone, error: .resourceTemporarilyUnavailable)
            }
            return .running(pid: pid)
        case .unreadable:
            return .failed(pid: nil, stage: .prepare, error: .invalidArgument)
        }
    }
}
