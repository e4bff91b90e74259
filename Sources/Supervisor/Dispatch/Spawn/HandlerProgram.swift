internal import LinuxSystem
internal import ServiceTable

/// What is started for a service: its program with everything that does not change from one start to the
/// next, and the sockets that do.
final class HandlerProgram {
    let service: Service
    let program: Program
    private let inherited: [String: String]
    private let openFiles: ResourceLimits.Pair?
    private let permit: UInt32
    private var prepared: HandlerTemplate?
    let standardError: StandardErrorLog?

    /// How the handler gets its sockets.
    enum Layout {
        /// 0 and 1 are the socket.
        case standardInput
        /// 3 on are the sockets, 0 is /dev/null, and 1 the log.
        case numbered
    }

    /// - Parameters:
    ///   - openFiles: Its limit, unless the table says another.
    ///   - permit: What a guarded launcher knows it by.
    init(
        service: Service, program: Program, standardError: StandardErrorLog?, inherited: [String: String],
        openFiles: ResourceLimits.Pair? = nil, permit: UInt32 = 0
    ) {
        self.service = service
        self.program = program
        self.standardError = standardError
        self.inherited = inherited
        self.openFiles = openFiles
        self.permit = permit
    }

    /// All that is the same each time, from the first start on: an idle service does without.
    private func prepare() -> HandlerTemplate {
        if let prepared { return prepared }
        let made = HandlerTemplate(
            service: service, program: program, inherited: inherited, openFiles: openFiles, permit: permit)
        prepared = made
        return made
    }

    /// What all starts have in common: what a guarded launcher is to let through.
    var template: SpawnPlan { prepare().start.plan }

    /// Of each process that is started.
    var limits: InstanceLimits { prepared?.limits ?? InstanceLimits(service.process) }

    /// A start, and the descriptors that go with it.
    struct Start {
        var spawn: SpawnStart
        var passing: [DescriptorBox]

        /// The handler gets `file`, too, behind its other descriptors.
        mutating func add(_ file: DescriptorBox) {
            spawn.descriptors.append(.passed(passing.count))
            passing.append(file)
        }
    }

    /// - Parameters:
    ///   - sockets: In the order in which the handler sees them.
    ///   - describe: Adds what is known of this start to the environment.
    func start(
        _ layout: Layout, sockets: [DescriptorBox], announcing names: [String]? = nil,
        describe: (inout StartEnvironment) -> Void
    ) -> Start {
        let prepared = prepare()
        var environment = prepared.environment.beginStart()
        describe(&environment)
        if let names { environment.describeListenDescriptors(names: names) }
        var passing = sockets
        let spawn = SpawnStart(
            prepared.start, descriptors: descriptors(layout, count: sockets.count, passing: &passing),
            environment: environment.variables(), announcesListenPID: names != nil)
        return Start(spawn: spawn, passing: passing)
    }

    private func descriptors(
        _ layout: Layout, count: Int, passing: inout [DescriptorBox]
    ) -> [SpawnPlan.DescriptorSource] {
        let log = logTarget(passing: &passing)
        switch layout {
        case .standardInput: return log == .passed(1) ? Self.plain : [.passed(0), .passed(0), log]
        case .numbered: return [.null, log, log] + (0..<count).map { .passed($0) }
        }
    }

    private static let plain: [SpawnPlan.DescriptorSource] = [.passed(0), .passed(0), .passed(1)]

    private func logTarget(passing: inout [DescriptorBox]) -> SpawnPlan.DescriptorSource {
        if let errors = prepare().errors { return errors }
        // Without a descriptor for the log, the handler still runs.
        guard let end = try? standardError?.writingEnd() else { return .null }
        passing.append(end)
        return .passed(passing.count - 1)
    }
}
