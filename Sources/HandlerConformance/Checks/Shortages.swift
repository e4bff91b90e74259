internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

extension ConformanceCheck {
    /// Batons that come without their descriptor.
    static let shortages: [ConformanceCheck] = [
        ConformanceCheck(
            "no-descriptor", "a BATON without a descriptor is given back by NACK; the next one is taken",
            section: "What you must do, 2", after: "ack"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let id = trial.record.nextID
                try trial.send(.baton(trial.message(id: id)))
                trial.record.sentBaton()
                try trial.awaitNACK(id)
                try trial.awaitACK(try trial.baton())
            }
        },
        ConformanceCheck(
            "shortage",
            "when its descriptor table is full (MSG_CTRUNC) it answers NACK before any ACK of as much or more",
            section: "What you must do, 2", after: "no-descriptor", "ending"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                if trial.record.sendsDone { try trial.complete(try trial.baton()) }
                let holders = trial.holders
                guard !holders.isEmpty else { throw .inapplicable("its descriptors cannot be seen in /proc") }
                let limits = try holders.map { pid throws(Finding) in
                    try own("prlimit") { () throws(Errno) in try OpenFilesLimit(filling: pid) }
                }
                for _ in 0..<2 where trial.record.room > 0 {
                    let lost = try trial.baton()
                    try trial.awaitNACK(lost.id)
                    lost.close()
                }
                for limit in limits { limit.lift() }
                let next = try trial.baton()
                try trial.complete(next)
            }
        },
    ]
}

/// A process that can open no descriptor until the limit is lifted.
private struct OpenFilesLimit {
    let pid: Int32
    let before: ResourceLimits.Pair

    init(filling pid: Int32) throws(Errno) {
        self.pid = pid
        before = try ResourceLimits.openFiles(of: pid)
        let full = UInt64(ProcessFiles(of: pid).lowestFree)
        try ResourceLimits.setOpenFiles(ResourceLimits.Pair(soft: full, hard: before.hard), of: pid)
    }

    func lift() {
        // A process that is gone needs none.
        try? ResourceLimits.setOpenFiles(before, of: pid)
    }
}
