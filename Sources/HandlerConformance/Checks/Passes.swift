internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

extension ConformanceCheck {
    /// PASS, from a handler that can be made to send one.
    static let passes: [ConformanceCheck] = [
        ConformanceCheck(
            "pass", "PASS names a held baton, or a number with the top bit; until PASSED the socket is left alone",
            section: "PASS", after: "ping-held", "done"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let passed = try trial.provokePass()
                let later = Array("later".utf8)
                try passed.client.send(later)
                try trial.exchangePing()
                guard let copy = passed.descriptor.borrowed else { return }
                let waiting = (try? Socket.peek(copy, most: later.count)) ?? []
                try require(
                    waiting == later, "it went on reading from the connection before PASSED came")
            }
        },
        ConformanceCheck(
            "pass-taken", "after PASSED with flags 0 it closes its copy without shutdown, and sends no DONE",
            section: "PASS", after: "pass"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let passed = try trial.provokePass()
                trial.record.sentPassed(passed.id, isTaken: true)
                try trial.send(.passed(id: passed.id, .taken))
                try trial.exchangePing()
                try trial.requireWorking(passed)
                _ = passed.descriptor.take()
                passed.client.releaseCopy()
                try trial.wait(for: "its close of the connection that was passed on", comesByChannel: false) {
                    passed.client.sawEnd
                }
                // A DONE that comes now is one too many.
                try trial.exchangePing()
            }
        },
        ConformanceCheck(
            "pass-refused", "after PASSED with flags 1 the connection is still its own: it ends it, and sends DONE",
            section: "PASS", after: "pass"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let passed = try trial.provokePass()
                trial.record.sentPassed(passed.id, isTaken: false)
                try trial.send(.passed(id: passed.id, .refused(reason: "queue_full")))
                _ = passed.descriptor.take()
                passed.client.close()
                if passed.isOfBaton { try trial.awaitDone(passed.client) }
                try trial.exchangePing()
            }
        },
    ]
}

/// A connection that the handler has passed on.
private struct PassedConnection {
    var id: UInt64
    var isOfBaton: Bool
    var client: TrialClient
    /// What came with PASS.
    var descriptor: DescriptorBox
}

extension Trial {
    /// A client says what makes the handler pass it on.
    fileprivate func provokePass() throws(Finding) -> PassedConnection {
        guard let text = subject.exchange.passRequest else { throw .inapplicable("no --send-pass") }
        let client = try baton(keepsCopy: true)
        try awaitACK(client)
        try client.send(text)
        try wait(for: "PASS") { !record.passes.isEmpty || client.sawEnd }
        guard let first = record.passes.first else {
            throw .fault("it ended the connection, and passed nothing on")
        }
        try require(first.descriptor.borrowed.map(Socket.isSocket) ?? false, "what came with PASS is no socket")
        try require(!client.sawEnd, "it ended the connection that it passed on")
        return PassedConnection(
            id: first.pass.id, isOfBaton: first.pass.isOfBaton, client: client, descriptor: first.descriptor)
    }

    /// The connection goes on in both directions, over what came with PASS.
    fileprivate func requireWorking(_ passed: PassedConnection) throws(Finding) {
        guard let copy = passed.descriptor.borrowed else { return }
        let question = Array("question".utf8)
        let answer = Array("answer".utf8)
        try passed.client.send(question)
        let arrives = try own("poll") { () throws(Errno) in
            try Poll.wait(for: copy, .readable, within: subject.patience)
        }
        let arrived = (try? Socket.receive(copy, most: Self.mostRead)) ?? []
        try require(
            arrives && !arrived.isEmpty,
            "after PASSED nothing can be read from the connection any more: "
                + "it was shut down, or the handler read it")
        let isSent = (try? DescriptorPassing.send(answer, on: copy)) != nil
        try require(isSent, "after PASSED the connection was shut down: its new owner cannot write to it")
        try wait(for: "an answer over the connection that was passed on", comesByChannel: false) {
            passed.client.contains(answer) || passed.client.sawEnd
        }
        try require(passed.client.contains(answer), "after PASSED the handler ended the connection with shutdown")
    }

    private static let mostRead = 4096
}
