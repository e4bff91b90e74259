internal import Glibc
internal import HandoffProtocol
internal import LinuxSystem

extension ConformanceCheck {
    /// The end of the channel, and of the handler.
    static let ends: [ConformanceCheck] = [
        ConformanceCheck(
            "end-of-file", "it exits when the channel ends",
            section: "What you must do, 6", after: "register"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                trial.closeChannel()
                let end = try trial.awaitEnd(after: "the end of the channel")
                if end.succeeded { stage.remark("it exits with status 0 when Baton is gone, as after DRAIN") }
            }
        },
        ConformanceCheck(
            "end-of-file-held", "when the channel ends it finishes what it holds, and exits",
            section: "What you must do, 6", after: "end-of-file", "answer"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let client = try trial.baton()
                try trial.awaitACK(client)
                trial.closeChannel()
                try trial.request(client)
                try trial.awaitAnswer(client)
                client.close()
                try trial.awaitEnd(after: "the end of the channel and of its last connection")
            }
        },
        ConformanceCheck(
            "unsent-answers", "it exits when the channel ends while it has something to say",
            section: "What you must do, 6", after: "end-of-file", "ping"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.whileStopped { () throws(Finding) in
                    for id in UInt64(1)...3 { try trial.ping(id) }
                    trial.closeChannel()
                }
                try trial.awaitEnd(after: "the end of the channel")
            }
        },
        ConformanceCheck(
            "reject", "after REJECT it exits; what it writes gives the reason",
            section: "What you get", after: "end-of-file"
        ) { stage throws(Finding) in
            let reason = "no such service here"
            for isStopped in [false, true] {
                try stage.run(welcomes: false) { trial throws(Finding) in
                    try trial.awaitRegistration()
                    // The reason comes together with the end, or before it.
                    if isStopped {
                        try trial.whileStopped { () throws(Finding) in try trial.reject(reason) }
                    } else {
                        try trial.reject(reason)
                    }
                    let end = try trial.awaitEnd(after: "REJECT")
                    if end.succeeded { stage.remark("it exits with status 0 after REJECT, as after DRAIN") }
                    if !trial.process.lastOutput.contains(reason) {
                        stage.remark("it does not tell why it was rejected")
                    }
                }
            }
        },
        ConformanceCheck(
            "terminate", "SIGTERM ends it, for that is what follows a drain that takes too long",
            section: "A restart", after: "register"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                ChildProcess.signalGroup(trial.process.pid, SIGTERM)
                try trial.wait(for: "its end after SIGTERM", comesByChannel: false) { trial.process.end != nil }
            }
        },
    ]
}

extension Trial {
    fileprivate func reject(_ reason: String) throws(Finding) {
        try send(.reject(reason: reason))
        closeChannel()
    }
}
