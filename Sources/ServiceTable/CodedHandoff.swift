// As CodedValues.swift: the field lists of a handoff.

extension Handoff: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&program)
        coder.optional(&fallback)
        coder.enumeration(&start)
        coder.value(&pool)
        coder.integer(&capacity)
        coder.enumeration(&balance)
        coder.value(&register)
        coder.optional(&queueSize)
        coder.optional(&queueTimeout)
        coder.optional(&maxDeliveries)
        coder.enumeration(&hold)
        coder.optional(&drain)
        coder.optional(&heartbeat)
        coder.optional(&unresponsive)
        coder.optional(&startTimeout)
        coder.value(&stopGrace)
        coder.enumeration(&restart.policy)
        coder.value(&restart.backoff)
        coder.optional(&restart.burst)
        coder.value(&restart.interval)
        coder.optional(&idleExit)
        coder.array(&passTo)
    }
}

extension Handoff.Pool: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&least)
        coder.optional(&most)
        coder.value(&idle)
    }
}

extension Handoff.Heartbeat: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.value(&interval)
        coder.value(&timeout)
    }
}

extension Handoff.Unresponsive: Coded {
    init() { self = .kill }
    mutating func code(with coder: inout FieldCoder) { coder.enumeration(&self) }
}

extension Handoff.Registration: Coded {
    mutating func code(with coder: inout FieldCoder) {
        let number =
            switch self {
            case .standard: 0
            case .nobody: 1
            case .only: 2
            }
        coder.choice(&self, number: number, of: [.standard, .nobody, .only(users: [], groups: [])])
        if case .only(var users, var groups) = self {
            coder.array(&users)
            coder.array(&groups)
            self = .only(users: users, groups: groups)
        }
    }
}
