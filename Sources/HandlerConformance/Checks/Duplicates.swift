internal import HandoffProtocol

extension ConformanceCheck {
    /// Messages that come twice.
    static let duplicates: [ConformanceCheck] = [
        ConformanceCheck(
            "duplicates", "two PINGs of one id have two PONGs; a second WELCOME is passed over, or ends in order",
            section: "What you get", after: "ping", "ack"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.whileStopped { () throws(Finding) in
                    try trial.ping(7)
                    try trial.ping(7)
                }
                try trial.awaitPongs()
                try trial.send(.welcome(heartbeatMilliseconds: Trial.heartbeatMilliseconds))
                let client = try? trial.baton()
                let goesOn = try trial.settles { client.map { trial.isAcknowledged($0.id) } ?? false }
                if !goesOn {
                    try require(trial.hasHungUp, "after a second WELCOME it neither takes a baton nor ends")
                    try trial.awaitEnd(after: "a second WELCOME")
                }
            }
        }
    ]
}
