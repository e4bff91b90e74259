internal import HandoffProtocol
internal import LinuxSystem

extension ConformanceCheck {
    /// PING and PONG.
    static let heartbeats: [ConformanceCheck] = [
        ConformanceCheck(
            "ping", "every PING is answered by a PONG of the same id, on a handler that has nothing to do",
            section: "What you must do, 3", after: "register"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                for id in [7, 0, UInt64.max] {
                    try trial.ping(id)
                    try trial.awaitPongs()
                }
                for id in UInt64(0)..<50 { try trial.ping(id) }
                try trial.awaitPongs()
            }
        },
        ConformanceCheck(
            "ping-held", "PING is answered while a connection is held (or REGISTER says trait 1)",
            section: "What you must do, 3", after: "ping", "ack"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.requireOwnThread()
                try trial.awaitACK(try trial.baton())
                for _ in 0..<3 { try trial.exchangePing() }
            }
        },
        ConformanceCheck(
            "ping-burst", "PING is answered between many batons (or REGISTER says trait 1)",
            section: "What you must do, 3", after: "ping-held", "ack-burst"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.requireOwnThread()
                for id in UInt64(0)..<32 {
                    if trial.record.room > 0 { _ = try trial.baton() }
                    try trial.ping(id)
                }
                try trial.awaitPongs()
                for client in trial.clients { try trial.awaitACK(client) }
            }
        },
    ]
}

extension Trial {
    func requireOwnThread() throws(Finding) {
        if record.traits.contains(.servesOnChannelThread) {
            throw .inapplicable("trait 1: it gets neither PING nor batons while it holds a connection")
        }
    }
}
