internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

extension ConformanceCheck {
    /// A supervisor that does not read.
    static let fullChannels: [ConformanceCheck] = [
        ConformanceCheck(
            "channel-full", "while the channel takes nothing it loses no message, and goes on with its connections",
            section: "What you must do, 7", after: "ping-held", "answer"
        ) { stage throws(Finding) in
            try stage.run(smallChannel: true) { trial throws(Finding) in
                if trial.record.traits.contains(.servesOnChannelThread) {
                    trial.stopReading()
                    try trial.fillChannel()
                    try trial.readAgain()
                    return try trial.awaitPongs()
                }
                let held = try trial.baton()
                try trial.awaitACK(held)
                trial.stopReading()
                if trial.record.room > 0 { _ = try trial.baton() }
                try trial.fillChannel()
                try trial.request(held)
                do throws(Finding) {
                    try trial.awaitAnswer(held)
                } catch {
                    throw .fault("while the channel was full, \(error.text)")
                }
                held.close()
                try trial.readAgain()
                try trial.awaitPongs()
                for client in trial.clients.dropFirst() {
                    try trial.awaitACK(client)
                    client.close()
                }
                for client in trial.clients { try trial.awaitDone(client) }
            }
        }
    ]
}

extension Trial {
    /// PINGs, at most: a handler that goes on reading must keep as many answers.
    private static let mostPings: UInt64 = 2000
    /// One that takes nothing for so long has stopped reading.
    private static let standstill = Duration.milliseconds(100)

    /// Sends PINGs until the handler has nowhere to put its answers and reads no more.
    fileprivate func fillChannel() throws(Finding) {
        guard let ours = supervisorsEnd, let theirs = handlersEnd else { return }
        let deadline = Clock.now() + subject.patience
        var id: UInt64 = 0
        while id < Self.mostPings, Clock.now() < deadline, process.end == nil {
            if try sendNow(try encoded(.ping(id: id))) {
                record.sentPing(id)
                id += 1
                continue
            }
            let (moves, answers) = try own("poll") { () throws(Errno) in
                (
                    try Poll.wait(for: ours, .writable, within: Self.standstill),
                    try Poll.wait(for: theirs, .writable, within: .zero)
                )
            }
            if !moves, !answers { return }
        }
    }
}
