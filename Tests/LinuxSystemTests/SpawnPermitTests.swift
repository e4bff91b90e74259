import LinuxSystem
import TestSupport
import Testing

/// What a permit lets through, and what not.
@Suite struct SpawnPermitTests {
    static let template: SpawnPlan = {
        var plan = SpawnPlan(path: "/bin/cat", arguments: ["cat", "-u"], descriptors: [.file("/var/log/errors")])
        plan.environment = ["PATH=/bin", "PROTO=own"]
        plan.nice = -3
        plan.cgroup = "/sys/fs/cgroup/a"
        plan.oomScoreAdjust = -5
        plan.processors = [0, 70]
        plan.capabilities = 1 << 40 | 1
        plan.noNewPrivileges = true
        plan.resourceLimits = [.init(resource: 7, soft: 1 << 40, hard: .max)]
        plan.chroot = "/srv"
        plan.directory = "/tmp"
        plan.identity = .init(uid: 1000, gid: 100, groups: [3, 1, 2])
        plan.umask = 0o077
        return plan
    }()

    /// A job as it is started every day.
    private static let job = template.with { plan in
        plan.descriptors = [.passed(0), .passed(0), .file("/var/log/errors"), .passed(1), .null]
        plan.environment = ["PATH=/bin", "PROTO=own", "REMOTE_HOST=192.0.2.1", "BATON_CONNECTION=17"]
        plan.announcesListenPID = true
    }

    private func allows(_ job: SpawnPlan, by template: SpawnPlan = template) throws -> Bool {
        var bytes: [UInt8] = []
        try LaunchJob.encode(spawn: job, number: 1, into: &bytes)
        return try SpawnPermit(template).allows(bytes) ?? { throw TestFailure("unreadable") }()
    }

    @Test("what differs from start to start is let through: descriptors, LISTEN_PID, and what is said of a start")
    func allowed() throws {
        #expect(try allows(Self.template))
        #expect(try allows(Self.job))
        #expect(try allows(Self.job.with { $0.descriptors = [] }))
        #expect(try allows(Self.job.with { $0.announcesListenPID = false }))
        #expect(try allows(Self.template.with { $0.announcesListenPID = true }))
        let all = SpawnPermit.variables.filter { $0 != "PROTO" }
        #expect(try allows(Self.job.with { plan in all.forEach { plan.environment.append($0, "x=y") } }))
        // The number is no part of the image.
        #expect(try allows(Self.job.with { $0.permit = 99 }))
        let bare = SpawnPlan(path: "/bin/true", arguments: [], descriptors: [])
        #expect(try allows(bare, by: bare))
        #expect(try allows(bare.with { $0.environment = ["REMOTE_HOST="] }, by: bare))
        #expect(try !allows(bare.with { $0.arguments = [""] }, by: bare))
    }

    @Test("the template's own descriptors, LISTEN_PID and number make no other permit")
    func canonical() throws {
        let other = Self.template.with { plan in
            plan.descriptors = [.passed(0), .null, .file("/var/log/errors"), .file("/var/log/errors")]
            plan.announcesListenPID = true
            plan.permit = 5
        }
        #expect(try SpawnPermit(other) == SpawnPermit(Self.template))
    }

    /// A name, and what makes another plan of the job.
    private static let changes: [(String, @Sendable (inout SpawnPlan) -> Void)] = [
        ("path", { $0.path = "/bin/dd" }), ("path", { $0.path = "/bin/cat/" }),
        ("arguments", { $0.arguments = ["cat"] }), ("arguments", { $0.arguments = ["cat", "-v"] }),
        ("arguments", { $0.arguments = ["cat", "-u", "x"] }), ("arguments", { $0.arguments = ["cat-u"] }),
        ("arguments", { $0.arguments = ["cat", "-u", "PATH=/bin"] }),
        ("environment", { $0.environment = [] }), ("environment", { $0.environment = ["PATH=/bin"] }),
        ("environment", { $0.environment = ["PROTO=own", "PATH=/bin"] }),
        ("environment", { $0.environment = ["PATH=/bin", "PROTO=TCP"] }),
        ("environment", { $0.environment.append("LD_PRELOAD", "/tmp/evil.so") }),
        ("environment", { $0.environment.append("PATH", "/tmp") }),
        ("environment, what the template says itself", { $0.environment.append("PROTO", "TCP") }),
        ("environment, a name that only begins so", { $0.environment.append("REMOTE_HOSTS", "x") }),
        ("environment, a name that is cut", { $0.environment.append("REMOTE_HOS", "x") }),
        ("environment, no name", { $0.environment.append("=x") }),
        ("environment, no value", { $0.environment.append("REMOTE_PORT") }),
        ("environment, nothing", { $0.environment.append("") }),
        ("descriptors", { $0.descriptors[2] = .file("/etc/shadow") }),
        ("descriptors", { $0.descriptors.append(.file("/var/log/error")) }),
        ("descriptors", { $0.descriptors.append(.file("/var/log/errors2")) }),
        ("descriptors", { $0.descriptors.append(.file("")) }),
        ("nice", { $0.nice = nil }), ("nice", { $0.nice = -4 }),
        ("cgroup", { $0.cgroup = nil }), ("cgroup", { $0.cgroup = "/sys/fs/cgroup/b" }),
        ("oomScoreAdjust", { $0.oomScoreAdjust = nil }), ("oomScoreAdjust", { $0.oomScoreAdjust = -1000 }),
        ("processors", { $0.processors = [] }), ("processors", { $0.processors = [0, 71] }),
        ("processors", { $0.processors = [0, 100] }),
        ("capabilities", { $0.capabilities = nil }), ("capabilities", { $0.capabilities = .max }),
        ("noNewPrivileges", { $0.noNewPrivileges = false }),
        ("resourceLimits", { $0.resourceLimits = [] }), ("resourceLimits", { $0.resourceLimits[0].resource = 6 }),
        ("resourceLimits", { $0.resourceLimits[0].soft = .max }), ("resourceLimits", { $0.resourceLimits[0].hard = 0 }),
        ("resourceLimits", { $0.resourceLimits.append(.init(resource: 1, soft: 1, hard: 1)) }),
        ("chroot", { $0.chroot = nil }), ("chroot", { $0.chroot = "/" }),
        ("directory", { $0.directory = "/" }), ("directory", { $0.directory = "/tmp/x" }),
        ("identity", { $0.identity = nil }), ("identity", { $0.identity?.uid = nil }),
        ("identity", { $0.identity?.uid = 0 }), ("identity", { $0.identity?.gid = 0 }),
        ("identity", { $0.identity?.groups = [] }), ("identity", { $0.identity?.groups = [1, 2, 4] }),
        ("umask", { $0.umask = 0 }),
    ]

    @Test("whatever else differs is refused, each field of a plan")
    func refused() throws {
        for (name, change) in Self.changes {
            #expect(try !allows(Self.job.with(change)), "\(name)")
        }
        // One that is new is to be tested, too.
        let fields = Set(Mirror(reflecting: Self.job).children.compactMap(\.label))
        let free: Set = ["announcesListenPID", "permit"]
        #expect(fields == Set(Self.changes.map { $0.0.prefix { $0 != "," } }.map(String.init)).union(free))
    }

    @Test("what the template lacks is refused, too")
    func added() throws {
        let bare = SpawnPlan(path: "/bin/cat", arguments: ["cat", "-u"], descriptors: [])
        #expect(try allows(bare, by: bare))
        let additions: [(inout SpawnPlan) -> Void] = [
            { $0.descriptors = [.file("/var/log/errors")] }, { $0.descriptors = [.null, .file("")] },
            { $0.nice = 0 }, { $0.cgroup = "/sys/fs/cgroup" }, { $0.oomScoreAdjust = 0 }, { $0.processors = [0] },
            { $0.capabilities = 0 }, { $0.noNewPrivileges = true }, { $0.chroot = "/" },
            { $0.resourceLimits = [.init(resource: 7, soft: 0, hard: 0)] },
            { $0.identity = .init(uid: 0, gid: 0, groups: []) }, { $0.identity = .init(uid: nil, gid: 0, groups: []) },
        ]
        for (index, add) in additions.enumerated() {
            #expect(try !allows(bare.with(add), by: bare), "\(index)")
            #expect(try allows(bare.with(add), by: bare.with(add)), "\(index)")
        }
    }

    @Test("no change of a byte gets through but where descriptors, LISTEN_PID and what is said of a start stand")
    func hostile() throws {
        var bytes: [UInt8] = []
        try LaunchJob.encode(spawn: Self.job, number: 1, into: &bytes)
        let permit = try SpawnPermit(Self.template)
        #expect(permit.allows(bytes) == true)
        let header = 16
        let descriptors = header + 40..<header + 40 + 4 * Self.job.descriptors.count
        let further = try #require(bytes.firstRange(of: Array("REMOTE_HOST".utf8)))
        var passed = 0
        for index in header..<bytes.count {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[index] ^ 1, bytes[index] ^ 16] where value != bytes[index] {
                var damaged = bytes
                damaged[index] = value
                guard permit.allows(damaged) == true else { continue }
                passed += 1
                // Without its flag, LISTEN_PID is one of the variables.
                let isFlag = index == header && value == bytes[index] ^ 16
                #expect(isFlag || descriptors.contains(index) || index > further.lowerBound, "\(index): \(value)")
            }
        }
        #expect(passed > 0)
    }

    @Test("an image that is cut, or longer than its message, is not let through")
    func cut() throws {
        var bytes: [UInt8] = []
        try LaunchJob.encode(spawn: Self.template, number: 1, into: &bytes)
        let permit = try SpawnPermit(Self.template)
        for count in bytes.indices { #expect(permit.allows(Array(bytes[..<count])) != true, "\(count)") }
        // The end of a longer message before it lies behind in the buffer.
        for count in bytes.indices { #expect(permit.allows(bytes, count: count) != true, "\(count)") }
        #expect(permit.allows(bytes) == true)
    }
}

extension SpawnPermit {
    /// As a launcher asks; nil when the message makes no sense.
    func allows(_ message: [UInt8], count: Int? = nil) -> Bool? {
        let count = count ?? message.count
        guard let job = LaunchJob.decode(message, count: count), case .spawn(let image, _) = job.task else {
            return nil
        }
        return allows(image, in: message, from: job.imageStart, to: count)
    }
}
