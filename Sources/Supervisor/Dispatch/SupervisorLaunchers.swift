internal import LinuxSystem
internal import SystemPackage

extension Supervisor {
    /// Those of a worker are guarded, by the permits of its monitor, and for the monitor to signal.
    ///
    /// - Parameter reserved: For what the loop starts itself.
    static func makeLaunchers(
        _ openFiles: ResourceLimits.Pair, _ loop: EventLoop, _ instances: InstanceTable,
        _ reserved: ReservedDescriptors?, _ desk: WorkerDesk?, _ client: MonitorClient?
    ) throws(Errno) -> LauncherPool {
        guard let desk, let client else {
            let own = try reserved.map { reserved throws(Errno) in
                try LoopSpawns(loop: loop, instances: instances, reserved: reserved, openFiles: openFiles)
            }
            return try LauncherPool(loop: loop, instances: instances, plan: launcherPlan(openFiles), own: own)
        }
        let signal = { [unowned client] (pid: Int32, signal: Int32) in client.signal(pid, signal) }
        let pool =
            if let former = desk.former {
                try LauncherPool(loop: loop, instances: instances, carried: former.launchers, signal: signal)
            } else {
                try LauncherPool(
                    loop: loop, instances: instances, plan: launcherPlan(openFiles, permits: ["5"]),
                    permits: desk.permits, signal: signal)
            }
        pool.lostAll = { [unowned client] in client.fail("all launchers are gone") }
        return pool
    }

    /// The same program in another mode: it limits itself to the descriptors that it is given.
    private static func launcherPlan(_ openFiles: ResourceLimits.Pair, permits: [String] = []) -> SpawnPlan {
        var plan = SpawnPlan(
            path: "/proc/self/exe", arguments: ["batond", "launcher", "3", "4"] + permits, descriptors: [])
        plan.resourceLimits = [
            SpawnPlan.ResourceLimit(
                resource: ResourceLimits.openFilesNumber, soft: openFiles.soft, hard: openFiles.hard)
        ]
        return plan
    }
}
