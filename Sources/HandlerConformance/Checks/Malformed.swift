internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

extension ConformanceCheck {
    /// What no supervisor sends. Closing the channel and finishing is right; dying of a signal, or taking a connection
    /// by the word of such a message, is not.
    static let malformed: [ConformanceCheck] = [
        malformed("malformed-header", "a message whose header is wrong", MalformedMessage.headers),
        malformed("malformed-baton", "a BATON with a wrong field", MalformedMessage.batons),
        malformed("malformed-other", "another message with a wrong body", MalformedMessage.others),
        ConformanceCheck(
            "surplus-descriptor", "a descriptor that comes with a message that carries none is not kept",
            section: "The header", after: "ping"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let client = try TrialClient(id: 0, over: .unix, keepsCopy: false)
                try trial.add(client)
                try trial.send(.ping(id: 1), passing: client.passed.map { [$0] } ?? [])
                trial.record.sentPing(1)
                client.releaseCopy()
                if try trial.outlives("PING with a descriptor") { stage.remark(Trial.goesOn("PING with a descriptor")) }
                try trial.wait(for: "its close of the descriptor that came with PING", comesByChannel: false) {
                    client.sawEnd || trial.process.end != nil
                }
            }
        },
        ConformanceCheck(
            "two-descriptors", "a BATON with two descriptors is not taken",
            section: "The header", after: "no-descriptor", "ping"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let client = try TrialClient(id: 1, over: .tcp, keepsCopy: false)
                let passed = client.passed.map { [$0, $0] } ?? []
                try trial.send(.baton(trial.message(id: 1)), passing: passed)
                trial.record.sentBaton()
                let isDecided = try trial.settles {
                    trial.isAcknowledged(1) || trial.record.negatives[1] != nil
                }
                try require(isDecided || trial.hasHungUp, "it neither gave the BATON back nor closed the channel")
                try require(!trial.isAcknowledged(1), "it acknowledged a BATON that came with two descriptors")
                if !isDecided { try trial.awaitEnd(after: "the BATON with two descriptors") }
            }
        },
    ]

    private static func malformed(_ name: String, _ what: String, _ messages: [MalformedMessage]) -> ConformanceCheck {
        ConformanceCheck(
            name, "after \(what) it closes the channel and ends in order, and takes nothing by it",
            section: "The header", after: "ping"
        ) { stage throws(Finding) in
            for message in messages {
                try stage.run { trial throws(Finding) in
                    var client: TrialClient?
                    if message.bringsConnection { client = try TrialClient(id: 1, over: .tcp, keepsCopy: false) }
                    try trial.send(bytes: message.bytes, passing: client?.passed.map { [$0] } ?? [])
                    if client == nil { trial.record.sentPing(1) } else { trial.record.sentBaton() }
                    if try trial.outlives(message.name) { stage.remark(Trial.goesOn(message.name)) }
                }
            }
        }
    }
}

extension Trial {
    /// Whether the handler goes on after the message; if not, it must end in order.
    fileprivate func outlives(_ message: String) throws(Finding) -> Bool {
        let id = UInt64.max
        do throws(Finding) {
            try ping(id)
            if try settles({ !record.awaitsPong(id) }) {
                try requireNotTaken(message)
                return true
            }
        } catch {
            // It may have closed the channel already.
            guard hasHungUp, !isAcknowledged(1) else { throw .fault("after a \(message), \(error.text)") }
        }
        try requireNotTaken(message)
        try require(hasHungUp || process.end != nil, "after a \(message) it answers no PING, and does not end")
        try awaitEnd(after: "a \(message)")
        return false
    }

    private func requireNotTaken(_ message: String) throws(Finding) {
        try require(!isAcknowledged(1), "it acknowledged a \(message): what is malformed is no connection")
    }

    fileprivate static func goesOn(_ message: String) -> String {
        "it goes on after a \(message); closing the channel is safer"
    }
}
