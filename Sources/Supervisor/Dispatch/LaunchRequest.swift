internal import LinuxSystem

/// A job for a launcher, with what it is about, until it is answered.
final class LaunchRequest {
    enum Task {
        case spawn(SpawnPlan)
        /// The descriptors that go with it. The last is a gate, if its other end is here.
        case close(gate: DescriptorBox?)
        /// Another launcher, by a guarded one.
        case launcher(LaunchJob.LauncherProgram)
    }

    let task: Task
    let passing: [DescriptorBox]
    /// How many exits had been collected when it was asked for (`InstanceTable.collected`).
    let mark: UInt64
    let done: (SpawnOutcome) -> Void
    /// How often it was sent. A job that launchers die of must not go round for ever.
    private(set) var attempts = 0

    static let mostAttempts = 3

    init(_ task: Task, passing: [DescriptorBox], mark: UInt64, done: @escaping (SpawnOutcome) -> Void) {
        self.task = task
        self.passing = passing
        self.mark = mark
        self.done = done
    }

    /// The message went out. What is to be closed is the launcher's alone now. Our own copy must not be the last one,
    /// whose close might wait: whoever closes that waits at the gate until this one is closed.
    func wasSent() {
        attempts += 1
        guard case .close(let gate) = task else { return }
        passing.forEach { _ = $0.take() }
        _ = gate?.take()
    }

    /// Once begun, or given away, or tried too often, it cannot be sent again.
    var canBeSentAgain: Bool {
        if case .close = task { return false }
        return attempts < Self.mostAttempts
    }

    /// Leaves what is to be closed to the end of this process, which does not wait.
    func abandon() {
        guard case .close = task else { return }
        for box in passing { _ = box.take()?.release() }
    }
}
