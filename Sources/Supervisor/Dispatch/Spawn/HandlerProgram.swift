internal import Glibc
internal import LinuxSystem
internal import ServiceTable

/// What is started for a service: its program with everything that does not change from one start to the
/// next, and the sockets that do.
final class HandlerProgram {
    let service: Service
    let program: Program
    private let inherited: [String: String]
    private var prepared: Prepared?
    let standardError: StandardErrorLog?

    /// How the handler gets its sockets.
    enum Layout {
        /// 0 and 1 are the socket.
        case standardInput
        /// 3 on are the sockets, 0 is /dev/null, and 1 the log.
        case numbered
    }

    init(service: Service, program: Program, standardError: StandardErrorLog?, inherited: [String: String]) {
        self.service = service
        self.program = program
        self.standardError = standardError
        self.inherited = inherited
    }

    /// All that is the same each time, from the first start on: an idle service does without.
    private final class Prepared {
        let environment: HandlerEnvironment
        let plan: SpawnPlan

        init(environment: HandlerEnvironment, plan: SpawnPlan) {
            self.environment = environment
            self.plan = plan
        }
    }

    private func prepare() -> Prepared {
        if let prepared { return prepared }
        var plan = SpawnPlan(path: program.path, arguments: program.arguments, descriptors: [])
        Self.apply(service.process, to: &plan)
        let made = Prepared(environment: HandlerEnvironment(service: service, inherited: inherited), plan: plan)
        prepared = made
        return made
    }

    /// A plan, and the descriptors that go with it.
    struct Start {
        var plan: SpawnPlan
        var passing: [DescriptorBox]

        /// The handler gets `file`, too, behind its other descriptors.
        mutating func add(_ file: DescriptorBox) {
            plan.descriptors.append(.passed(passing.count))
            passing.append(file)
        }
    }

    /// - Parameters:
    ///   - sockets: In the order in which the handler sees them.
    ///   - describe: Adds what is known of this start to the environment.
    func start(
        _ layout: Layout, sockets: [DescriptorBox], announcing names: [String]? = nil,
        describe: (inout HandlerEnvironment) -> Void
    ) -> Start {
        let prepared = prepare()
        var environment = prepared.environment.copy()
        describe(&environment)
        if let names { environment.describeListenDescriptors(names: names) }
        var passing = sockets
        var plan = prepared.plan
        plan.descriptors = descriptors(layout, count: sockets.count, passing: &passing)
        plan.environment = environment.variables
        plan.announcesListenPID = names != nil
        return Start(plan: plan, passing: passing)
    }

    private func descriptors(
        _ layout: Layout, count: Int, passing: inout [DescriptorBox]
    ) -> [SpawnPlan.DescriptorSource] {
        let log = logTarget(passing: &passing)
        switch layout {
        case .standardInput: return [.passed(0), .passed(0), log]
        case .numbered: return [.null, log, log] + (0..<count).map { .passed($0) }
        }
    }

    private func logTarget(passing: inout [DescriptorBox]) -> SpawnPlan.DescriptorSource {
        switch service.process.standardError {
        case .connection: return .passed(0)
        case .null: return .null
        case .path(let path): return .file(path)
        case .log:
            // Without a descriptor for the log, the handler still runs.
            guard let end = try? standardError?.writingEnd() else { return .null }
            passing.append(end)
            return .passed(passing.count - 1)
        }
    }

    private static func apply(_ settings: ProcessSettings, to plan: inout SpawnPlan) {
        plan.cgroup = settings.cgroup
        plan.oomScoreAdjust = settings.oomScoreAdjust.map { Int32($0) }
        plan.nice = settings.nice.map { Int32($0) }
        plan.processors = settings.processors
        plan.capabilities = settings.capabilities
        plan.noNewPrivileges = settings.noNewPrivileges
        plan.resourceLimits = settings.resourceLimits.map(\.spawnLimit)
        plan.chroot = settings.chroot
        plan.directory = settings.directory
        plan.umask = settings.umask
        plan.identity = settings.credentials.map {
            SpawnPlan.Identity(uid: $0.user?.uid, gid: $0.gid, groups: $0.groups)
        }
    }
}

extension ResourceLimit {
    fileprivate var spawnLimit: SpawnPlan.ResourceLimit {
        let value = value ?? UInt64.max  // RLIM_INFINITY
        return SpawnPlan.ResourceLimit(resource: resource.number, soft: value, hard: value)
    }
}

extension ResourceLimit.Resource {
    /// The kernel's number (getrlimit(2)).
    fileprivate var number: Int32 {
        switch self {
        case .nofile: Int32(RLIMIT_NOFILE.rawValue)
        case .nproc: Int32(__RLIMIT_NPROC.rawValue)
        case .cpu: Int32(RLIMIT_CPU.rawValue)
        case .as: Int32(RLIMIT_AS.rawValue)
        case .data: Int32(RLIMIT_DATA.rawValue)
        case .stack: Int32(RLIMIT_STACK.rawValue)
        case .core: Int32(RLIMIT_CORE.rawValue)
        case .fsize: Int32(RLIMIT_FSIZE.rawValue)
        case .memlock: Int32(__RLIMIT_MEMLOCK.rawValue)
        }
    }
}
