import LinuxSystem
import ServiceTable
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor

/// What a table permits is what is started for it.
@Suite struct HandlerTemplateTests {
    private static let openFiles = ResourceLimits.Pair(soft: 1024, hard: 4096)

    private static func table() throws -> ServiceTable {
        let text = """
            services:
              inetd: {listen: "127.0.0.1:0", exec: [/bin/cat, -u], stderr: /var/log/cat, env: {A: b, PROTO: own},
                      pass_env: [LANG, REMOTE_HOST], nice: 5, umask: "077"}
              systemd: {listen: "127.0.0.1:0", exec: [/bin/cat], style: systemd, wait: true, stderr: "null",
                        rlimits: {nofile: 64}}
              kept: {listen: "127.0.0.1:0", exec: [/bin/cat], handoff: {exec: [/bin/sleep, "1"], capacity: 10}}
              limited: {listen: "127.0.0.1:0", handoff: {exec: [/bin/sleep, "2"]}, rlimits: {nofile: 64}}
              registered: {listen: "127.0.0.1:0", handoff: {}}
              off: {listen: "127.0.0.1:0", exec: [/bin/cat], enabled: false}
              echo: {listen: "127.0.0.1:0", internal: echo}
            """
        let loaded = ServiceTableReader.read(text: Array(text.utf8), name: "table", resolving: false)
        guard let table = loaded.table else { throw TestFailure("\(loaded.faults)") }
        return table
    }

    private static func key(_ service: String, _ role: ProgramKey.Role = .exec) -> ProgramKey {
        ProgramKey(service: service, role: role)
    }

    @Test("a table's templates are those of its programs, one for each service and role")
    func list() throws {
        let list = try HandlerTemplates.list(of: Self.table(), inherited: [:], openFiles: Self.openFiles)
        let templates = Dictionary(uniqueKeysWithValues: list.map { ($0.key, $0.plan) })
        #expect(
            Set(templates.keys) == [
                Self.key("inetd"), Self.key("systemd"), Self.key("kept"), Self.key("kept", .handler),
                Self.key("limited", .handler),
            ])
        let limit = try #require(templates[Self.key("kept", .handler)]?.resourceLimits.first)
        #expect(limit == .init(resource: ResourceLimits.openFilesNumber, soft: 74, hard: 4096))
        let own = try #require(templates[Self.key("limited", .handler)]?.resourceLimits)
        #expect(own == [.init(resource: ResourceLimits.openFilesNumber, soft: 64, hard: 64)])
    }

    @Test("each start is let through by its own template and by no other, whatever is said of it")
    func starts() throws {
        let table = try Self.table()
        let runtime = try InternalBench(.echo).runtime
        var book = try PermitBook()
        var numbers: [ProgramKey: UInt32] = [:]
        for (key, plan) in HandlerTemplates.list(
            of: table, inherited: runtime.environment, openFiles: runtime.originalOpenFiles)
        { numbers[key] = try book.add(plan) }
        #expect(Set(numbers.values).count == 5)
        #expect(Set(Self.said.map(\.description)) == SpawnPermit.variables.filter { !$0.hasPrefix("LISTEN") })
        try #require(runtime.privileges as? OwnPrivileges).permits = numbers
        var permits = Permits(try book.readOnly())
        for key in numbers.keys {
            let program = try Self.program(key, table, runtime)
            let pair = try Socket.pair(.stream)
            let file = try pair.ours.duplicate()
            let sockets = [DescriptorBox(pair.ours), DescriptorBox(pair.theirs)]
            let beside = DescriptorBox(file)
            for (layout, names) in [(HandlerProgram.Layout.standardInput, nil), (.numbered, ["a", "b"])] {
                var start = program.start(layout, sockets: sockets, announcing: names) { environment in
                    for name in Self.said { environment.set(name, "value of \(name)") }
                }
                start.add(beside)
                #expect(start.spawn.plan.permit == numbers[key])
                var bytes: [UInt8] = []
                try LaunchJob.encode(spawn: start.spawn.plan, number: 1, into: &bytes)
                let job = try #require(LaunchJob.decode(bytes, count: bytes.count))
                guard case .spawn(let image, let permit) = job.task else { throw TestFailure("unreadable") }
                for number in numbers.values {
                    let isAllowed = permits.allow(
                        image, as: number, in: bytes, from: job.imageStart, to: bytes.count)
                    #expect(isAllowed == (number == permit), "\(key)")
                }
            }
        }
    }

    /// What may be said of a start, but for the descriptors that are announced.
    private static let said: [StaticString] = [
        "BATON_LISTENER", "BATON_CONNECTION", "BATON_CHANNEL", "BATON_PROTOCOL", "PROTO", "TCPLOCALIP", "TCPLOCALPORT",
        "TCPREMOTEIP", "TCPREMOTEPORT", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "IPCREMOTEEUID", "IPCREMOTEEGID",
        "IPCREMOTEPATH", "IPCLOCALPATH", "NOTIFY_SOCKET", "WATCHDOG_USEC",
    ]

    private static func program(
        _ key: ProgramKey, _ table: ServiceTable, _ runtime: Runtime
    ) throws -> HandlerProgram {
        let service = try #require(table.services.first { $0.name == key.service })
        let record = ServiceRecord(name: key.service, events: runtime.events)
        let dispatcher = Dispatcher(
            service, refuser: Refuser(reply: nil, record: record, runtime: runtime), record: record, runtime: runtime)
        switch service.dispatch {
        case .exec(let program): return dispatcher.makeProgram(program)
        case .handoff(let settings) where key.role == .handler:
            return try #require(dispatcher.makeStart(settings)).program
        default: return try #require(dispatcher.exec).program
        }
    }

    @Test("the supervisor's own programs are the same for whoever makes them, and have no way to more rights")
    func own() throws {
        let identity = SpawnPlan.Identity(uid: 99, gid: 99, groups: [])
        var variables: [String: String] = [:]
        for number in 0..<100 { variables["V\(number)"] = "x" }
        let one = HandlerTemplates.own(inherited: variables, upgrade: "/usr/sbin/batond", identity: identity)
        var others: [String: String] = [:]
        for number in (0..<100).reversed() { others["V\(number)"] = "x" }
        let other = HandlerTemplates.own(inherited: others, upgrade: "/usr/sbin/batond", identity: identity)
        #expect(one.map(\.key) == [Self.key("", .names), Self.key("", .trial)])
        #expect(one.map(\.plan) == other.map(\.plan))
        #expect(one.allSatisfy { $0.plan.noNewPrivileges && $0.plan.identity == identity })
        let single = HandlerTemplates.own(inherited: [:], upgrade: nil, identity: nil)
        #expect(single.map(\.key) == [Self.key("", .names)])
        #expect(single.allSatisfy { !$0.plan.noNewPrivileges && $0.plan.identity == nil })
    }
}
