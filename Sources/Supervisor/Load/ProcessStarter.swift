internal import LinuxSystem

/// What it takes to have a process of our own do something, and to hear of its end.
struct ProcessStarter {
    let loop: EventLoop
    let instances: InstanceTable
    /// What it is given of the environment.
    let environment: [String: String]
    /// Starts it, and tells later, not from in here, what came of it.
    let spawn: (_ plan: SpawnPlan, _ passing: [DescriptorBox], _ done: @escaping (SpawnOutcome) -> Void) -> Void
}
