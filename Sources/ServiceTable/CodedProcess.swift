package import LinuxSystem

// As CodedValues.swift: the field lists of what a process is given.

extension ProcessSettings: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&credentials)
        coder.integer(&umask)
        coder.text(&directory)
        coder.optional(&chroot)
        coder.optional(&nice)
        coder.optional(&oomScoreAdjust)
        coder.array(&processors)
        coder.optional(&cgroup)
        coder.optional(&capabilities)
        coder.flag(&noNewPrivileges)
        coder.array(&environment)
        coder.array(&passEnvironment)
        coder.array(&resourceLimits)
        coder.value(&standardError)
        coder.optional(&runtimeLimit)
        coder.integer(&stopSignal)
        coder.value(&stopGrace)
    }
}

extension Credentials: Coded {
    init() { self.init(user: nil, gid: 0, groups: []) }
    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&user)
        coder.integer(&gid)
        coder.array(&groups)
    }
}

extension UserAccount: Coded {
    init() { self.init(name: "", uid: 0, gid: 0, home: "", shell: "") }
    mutating func code(with coder: inout FieldCoder) {
        coder.text(&name)
        coder.integer(&uid)
        coder.integer(&gid)
        coder.text(&home)
        coder.text(&shell)
    }
}

extension EnvironmentVariable: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.text(&name)
        coder.text(&value)
    }
}

extension ResourceLimit: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.enumeration(&resource)
        coder.optional(&value)
    }
}

extension StandardError: Coded {
    init() { self = .log }
    mutating func code(with coder: inout FieldCoder) {
        let number =
            switch self {
            case .log: 0
            case .connection: 1
            case .null: 2
            case .path: 3
            }
        coder.choice(&self, number: number, of: [.log, .connection, .null, .path("")])
        if case .path(var path) = self {
            coder.text(&path)
            self = .path(path)
        }
    }
}
