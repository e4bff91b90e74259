internal import HandoffProtocol
internal import LinuxSystem

extension ConformanceCheck {
    /// The life of a connection: ACK, the answer, shutdown, close, DONE.
    static let connections: [ConformanceCheck] = [
        ConformanceCheck(
            "ack", "ACK comes as soon as the baton has, while the client is silent",
            section: "What you must do, 1", after: "register"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.awaitACK(try trial.baton())
            }
        },
        ConformanceCheck(
            "done", "DONE comes once for each connection whose client is gone, and names it",
            section: "What you must do, 4", after: "ack"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                for _ in 0..<3 {
                    let client = try trial.baton()
                    try trial.request(client)
                    try trial.awaitACK(client)
                    client.close()
                    try trial.awaitDone(client)
                }
                // A DONE too many may come until the handler has ended.
                trial.endChannel()
                try trial.takeRest()
            }
        },
        ConformanceCheck(
            "answer", "a client that sends what --send says gets the answer that --expect says",
            section: "What you must do", after: "done"
        ) { stage throws(Finding) in
            guard stage.subject.exchange.answer != nil else { throw .inapplicable("no --expect") }
            try stage.run { trial throws(Finding) in
                for _ in 0..<2 { try trial.complete(try trial.baton()) }
            }
        },
        ConformanceCheck(
            "ending", "shutdown, then close, then DONE: the client sees the end while somebody still holds a copy",
            section: "What you must do, 4", after: "answer"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let client = try trial.baton(keepsCopy: true)
                try trial.awaitACK(client)
                try trial.request(client)
                try trial.awaitAnswer(client)
                client.endRequest()
                try trial.awaitEnding(of: client)
                try trial.wait(for: "shutdown: DONE did, and the client's end of stream", comesByChannel: false) {
                    client.sawEnd
                }
                guard trial.record.sendsDone, let target = client.target else { return }
                for pid in Session.members(of: trial.process.pid) {
                    let numbers = ProcessFiles(of: pid).numbers(of: target)
                    try require(
                        numbers.isEmpty, "DONE came while descriptor \(numbers) of process \(pid) was still open")
                }
            }
        },
        ConformanceCheck(
            "fork", "a process that the handler forks for a connection does not keep the channel",
            section: "What you must do, 8", after: "answer", "close-on-exec"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let client = try trial.baton()
                try trial.awaitACK(client)
                try trial.request(client)
                try trial.awaitAnswer(client)
                try trial.waitLooking(for: "more processes than one hold the channel: \(trial.holders)") {
                    trial.holders.count <= 1
                }
            }
        },
    ]
}

extension Trial {
    /// Waits until the handler has ended the connection of a client that says no more.
    fileprivate func awaitEnding(of client: TrialClient) throws(Finding) {
        let hasEnded = try settles { record.sendsDone ? record.done.contains(client.id) : client.sawEnd }
        if hasEnded || client.sawEnd { return }
        try require(process.end == nil && !hasHungUp, "it \(whatItDid)")
        throw .inapplicable("it does not end a connection whose client has ended its half")
    }
}
