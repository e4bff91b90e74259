internal import HandoffProtocol
internal import LinuxSystem

extension ConformanceCheck {
    /// DRAIN.
    static let drains: [ConformanceCheck] = [
        ConformanceCheck(
            "drain-idle", "after DRAIN a handler that holds nothing exits with status 0",
            section: "What you must do, 5", after: "register"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.send(.drain)
                try trial.awaitCleanEnd()
            }
        },
        ConformanceCheck(
            "drain",
            "after DRAIN it answers PING, finishes what it holds, sends the last DONE, and exits with status 0",
            section: "What you must do, 5", after: "drain-idle", "answer", "ping-held"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.drainHolding(orders: 1)
            }
        },
        ConformanceCheck(
            "drain-twice", "a second DRAIN changes nothing",
            section: "What you must do, 5", after: "drain"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.drainHolding(orders: 2)
            }
        },
        ConformanceCheck(
            "drain-crossing", "a baton that crosses DRAIN is acknowledged and served, NACKed, or left",
            section: "What you must do, 5", after: "drain"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.requireOwnThread()
                let held = try trial.baton()
                try trial.awaitACK(held)
                guard trial.record.room > 0 else { throw .inapplicable("its capacity is one connection") }
                let crossing = try trial.whileStopped { () throws(Finding) in
                    try trial.send(.drain)
                    let crossing = try trial.baton()
                    try trial.ping(1)
                    return crossing
                }
                // With the PONG it has seen the baton, and decided.
                try trial.wait(for: "PONG after DRAIN") {
                    trial.record.unansweredPings == 0 || trial.record.heldCount == 0
                }
                try trial.request(crossing)
                try trial.complete(held)
                try trial.followCrossing(crossing)
                try trial.awaitCleanEnd()
            }
        },
    ]
}

extension Trial {
    /// Connections that a drain finds.
    private static let held = 3

    fileprivate func awaitCleanEnd() throws(Finding) {
        let end = try awaitEnd(after: "DRAIN")
        try require(end.succeeded, "after DRAIN it exited with \(end), not 0")
        if record.sendsDone {
            try require(record.heldCount == 0, "it exited and had sent no DONE for \(record.heldCount) connections")
        }
    }

    fileprivate func drainHolding(orders: Int) throws(Finding) {
        for _ in 0..<min(Self.held, record.room) { try awaitACK(try baton()) }
        // One that ends its connections by itself would be gone after the first message.
        let pings = !record.traits.contains(.servesOnChannelThread)
        try whileStopped { () throws(Finding) in
            for _ in 0..<orders { try send(.drain) }
            if pings { try ping(1) }
        }
        if pings {
            // One that ended its connections by itself may have gone.
            try wait(for: "PONG after DRAIN, while it holds connections,") {
                record.unansweredPings == 0 || record.heldCount == 0
            }
        }
        for client in clients {
            try request(client)
            try awaitAnswer(client)
            client.close()
        }
        try awaitCleanEnd()
    }

    fileprivate func followCrossing(_ client: TrialClient) throws(Finding) {
        let decided = try settles { isAcknowledged(client.id) || record.negatives[client.id] != nil }
        if decided, isAcknowledged(client.id) { try awaitAnswer(client) }
        client.close()
        if !decided { try require(process.end != nil || hasHungUp, "it neither took BATON \(client.id) nor ended") }
    }
}
