internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

extension Trial {
    /// Takes in what happens until `condition` holds; false when it does not in time, or cannot any more.
    ///
    /// - Parameter comesByChannel: It cannot come once the channel is closed.
    func settles(comesByChannel: Bool = true, _ condition: () -> Bool) throws(Finding) -> Bool {
        let deadline = Clock.now() + subject.patience
        while !condition() {
            let left = deadline - Clock.now()
            guard left > .zero, process.end == nil, !(comesByChannel && hasHungUp) else { return false }
            try pump(within: left)
        }
        return true
    }

    /// Takes in what happens until `condition` holds.
    ///
    /// - Parameter what: What is waited for, as in "ACK of 1".
    func wait(
        for what: @autoclosure () -> String, comesByChannel: Bool = true, until condition: () -> Bool
    ) throws(Finding) {
        guard try !settles(comesByChannel: comesByChannel, condition) else { return }
        if process.end != nil || (comesByChannel && hasHungUp) {
            // Who closes the channel is mostly about to end, and how says more.
            if process.waitForEnd(within: Self.afterHangUp) { try pump(within: .zero) }
            throw .fault("it \(whatItDid), and \(what()) had not come")
        }
        throw .fault("\(what()) did not come within \(subject.patience.inSeconds)")
    }

    /// Takes in what comes until the handler has closed the channel.
    func takeRest() throws(Finding) {
        _ = try settles { false }
    }

    /// As `wait`, for what nothing tells of: looks again and again.
    func waitLooking(for what: @autoclosure () -> String, until condition: () -> Bool) throws(Finding) {
        let deadline = Clock.now() + subject.patience
        while !condition() {
            guard process.end == nil, Clock.now() < deadline else { throw .fault(what()) }
            try pump(within: Self.lookInterval)
        }
    }

    private static let afterHangUp = Duration.milliseconds(100)
    private static let lookInterval = Duration.milliseconds(5)

    var whatItDid: String {
        if let end = process.end { return "ended with \(end)" }
        return hasHungUp ? "closed the channel" : "went on"
    }

    func awaitRegistration() throws(Finding) {
        try wait(for: "REGISTER") { record.registration != nil }
    }

    func awaitRoom() throws(Finding) {
        if record.wantsNoMore { throw .inapplicable("it sent DRAIN by itself") }
        try wait(for: "DONE, which makes room for a connection (capacity \(record.capacity)),") { record.room > 0 }
    }

    /// Waits until the handler has taken the baton. A NACK is a fault: there is no need for one.
    func awaitACK(_ client: TrialClient) throws(Finding) {
        let id = client.id
        try wait(for: "ACK of \(id)") { isAcknowledged(id) || record.negatives[id] != nil }
        if let reason = record.negatives[id] {
            throw .fault("it gave BATON \(id) back, though nothing was wrong with it: NACK, \"\(reason)\"")
        }
    }

    /// DONE acknowledges too.
    func isAcknowledged(_ id: UInt64) -> Bool {
        (id <= record.acknowledged && record.negatives[id] == nil) || record.done.contains(id)
    }

    func awaitNACK(_ id: UInt64) throws(Finding) {
        try wait(for: "NACK of \(id)") { record.negatives[id] != nil || isAcknowledged(id) }
        try require(!isAcknowledged(id), "it acknowledged BATON \(id), which came without its descriptor")
    }

    func awaitAnswer(_ client: TrialClient) throws(Finding) {
        guard let answer = subject.exchange.answer else { return }
        try wait(for: "the answer to a client", comesByChannel: false) { client.contains(answer) || client.sawEnd }
        let seen = String(decoding: client.received.prefix(Self.mostQuoted), as: UTF8.self)
        try require(client.contains(answer), "the connection ended with another answer: \(seen.debugDescription)")
    }

    /// Bytes of an answer in a report.
    private static let mostQuoted = 200

    /// Nothing tells of it where the handler sends no DONE.
    func awaitDone(_ client: TrialClient) throws(Finding) {
        guard record.sendsDone else { return }
        try wait(for: "DONE of \(client.id), whose client is gone,") { record.done.contains(client.id) }
    }

    func awaitPongs() throws(Finding) {
        try wait(for: "PONG") { record.unansweredPings == 0 }
    }

    /// PING and PONG: what the handler did at once for the messages before is done. One that gets no PING now is left
    /// alone.
    func exchangePing() throws(Finding) {
        guard record.takesPing else { return }
        lastPing += 1
        try ping(lastPing)
        try awaitPongs()
    }

    /// The end of the process.
    @discardableResult
    func awaitEnd(after event: String) throws(Finding) -> ExitStatus {
        _ = try settles(comesByChannel: false) { process.end != nil }
        guard let end = process.end else {
            let also = hasHungUp ? "it has closed the channel and" : "it"
            throw .fault("\(subject.patience.inSeconds) after \(event) \(also) still runs")
        }
        if case .signaled = end { throw .fault("after \(event) it died of \(end)") }
        return end
    }

    /// The client says what it has to say, has its answer, and goes.
    func complete(_ client: TrialClient) throws(Finding) {
        try request(client)
        try awaitACK(client)
        try awaitAnswer(client)
        client.close()
        try awaitDone(client)
    }

    /// The processes that hold the channel: the handler, and no other.
    var holders: [Int32] {
        guard let channelTarget else { return [] }
        return Session.members(of: process.pid).filter { !ProcessFiles(of: $0).numbers(of: channelTarget).isEmpty }
    }
}

extension Duration {
    var inSeconds: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        return milliseconds.isMultiple(of: 1000) ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }
}
