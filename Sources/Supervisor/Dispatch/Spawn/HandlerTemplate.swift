internal import Glibc
internal import LinuxSystem
internal import ServiceTable

/// What all processes have in common that are started for a service with one of its programs: it follows from the table
/// and from what the supervisor was started with.
final class HandlerTemplate {
    let environment: HandlerEnvironment
    /// Of descriptors it has the file for standard error, if there is one; of the environment what is in every start's.
    let start: SpawnTemplate
    // What each start asks for: the service's settings are many, and copied as a whole.
    let limits: InstanceLimits
    /// Where it writes its errors; nil: to the log.
    let errors: SpawnPlan.DescriptorSource?

    /// - Parameters:
    ///   - openFiles: Its limit, unless the table says another.
    ///   - permit: What a guarded launcher knows it by.
    init(
        service: Service, program: Program, inherited: [String: String], openFiles: ResourceLimits.Pair? = nil,
        permit: UInt32 = 0
    ) {
        errors =
            switch service.process.standardError {
            case .connection: .passed(0)
            case .null: .null
            case .path(let path): .file(path)
            case .log: nil
            }
        var plan = SpawnPlan(path: program.path, arguments: program.arguments, descriptors: [])
        Self.apply(service.process, to: &plan)
        let number = ResourceLimits.openFilesNumber
        if let openFiles, !plan.resourceLimits.contains(where: { $0.resource == number }) {
            plan.resourceLimits.append(
                SpawnPlan.ResourceLimit(resource: number, soft: openFiles.soft, hard: openFiles.hard))
        }
        if let errors, case .file = errors { plan.descriptors = [errors] }
        environment = HandlerEnvironment(service: service, inherited: inherited)
        plan.environment = environment.shared
        plan.permit = permit
        start = SpawnTemplate(plan)
        limits = InstanceLimits(service.process)
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
