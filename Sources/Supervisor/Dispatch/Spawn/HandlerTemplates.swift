internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What is started for a service, or for the supervisor itself.
struct ProgramKey: Hashable, Sendable {
    /// Empty for a program of the supervisor's.
    var service: String
    var role: Role

    enum Role: String, Hashable, Sendable, CaseIterable {
        /// `exec`, also as the fallback of `handoff`.
        case exec
        /// `handoff.exec`.
        case handler
        /// `batond names`.
        case names
        /// `batond can-take-over`.
        case trial
    }
}

/// The templates of all that is ever started.
enum HandlerTemplates {
    /// For the services of a table.
    ///
    /// - Parameters:
    ///   - inherited: The supervisor's own environment (`Runtime.environment`).
    ///   - openFiles: What it starts gets (`Runtime.originalOpenFiles`).
    static func list(
        of table: ServiceTable, inherited: [String: String], openFiles: ResourceLimits.Pair
    ) -> [(key: ProgramKey, plan: SpawnPlan)] {
        table.services.lazy.filter(\.enabled).flatMap { service in
            programs(of: service, openFiles).map { role, program, limit in
                let template = HandlerTemplate(
                    service: service, program: program, inherited: inherited, openFiles: limit)
                return (ProgramKey(service: service.name, role: role), template.start.plan)
            }
        }
    }

    private static func programs(
        of service: Service, _ openFiles: ResourceLimits.Pair
    ) -> [(ProgramKey.Role, Program, ResourceLimits.Pair?)] {
        switch service.dispatch {
        case .exec(let program): [(.exec, program, nil)]
        case .handoff(let settings): programs(of: settings.wrappedValue, openFiles)
        case .internal, .redirect, .tcpmux, .route: []
        }
    }

    private static func programs(
        of handoff: Handoff, _ openFiles: ResourceLimits.Pair
    ) -> [(ProgramKey.Role, Program, ResourceLimits.Pair?)] {
        let handler = handoff.program.map { (ProgramKey.Role.handler, $0, handoff.openFiles(of: openFiles)) }
        let fallback = handoff.fallback.map { (ProgramKey.Role.exec, $0, ResourceLimits.Pair?.none) }
        return (handler.map { [$0] } ?? []) + (fallback.map { [$0] } ?? [])
    }

    /// The supervisor's own programs.
    ///
    /// - Parameters:
    ///   - upgrade: The program on disk that an upgrade tries (`ProgramChange.path`).
    ///   - identity: Whom they run as, with no way to more; nil: as what starts them.
    static func own(
        inherited: [String: String], upgrade: String?, identity: SpawnPlan.Identity?
    ) -> [(key: ProgramKey, plan: SpawnPlan)] {
        let names = NameProcess.plan(inherited: inherited, identity: identity)
        let trial = upgrade.map { UpgradeTrial.plan($0, inherited: inherited, identity: identity) }
        return [(ProgramKey(service: "", role: .names), names)]
            + (trial.map { [(ProgramKey(service: "", role: .trial), $0)] } ?? [])
    }
}

extension SpawnPlan {
    /// A program of the supervisor's own, in its environment.
    ///
    /// - Parameter identity: Whom it runs as, with no way to more; nil: as what starts it.
    static func own(
        _ path: String, _ arguments: [String], _ descriptors: [DescriptorSource], inherited: [String: String],
        identity: Identity?
    ) -> SpawnPlan {
        var plan = SpawnPlan(path: path, arguments: ["batond"] + arguments, descriptors: descriptors)
        // In an order, so that it is the same for whoever makes it of the same environment.
        let variables = inherited.sorted { $0.key < $1.key }
        plan.environment = EnvironmentBlock(variables.map { "\($0.key)=\($0.value)" })
        plan.identity = identity
        plan.noNewPrivileges = identity != nil
        return plan
    }
}
