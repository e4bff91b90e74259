internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// A client and a target that are connected: moves bytes both ways.
final class Relay {
    private let runtime: Runtime
    private let limits: RedirectLimits
    private let client: RelayEnd
    private let target: RelayEnd
    private let toClient: RelayBuffer
    private let toTarget: RelayBuffer
    private let ended: (Traffic, _ why: String?) -> Void
    private var machine: RelayMachine
    private var traffic = Traffic()
    private var timer: TimerID?
    /// When bytes moved last, or a side broke off, by `EventLoop.now`.
    private var lastMove: Duration
    /// What broke it off, once something has.
    private var failure: String?
    private var isScheduled = false
    private var isOver = false

    /// - Parameters:
    ///   - client: nonblocking, and so is `target`.
    ///   - isShared: A handler has had the client, and may have kept a copy.
    ///   - header: What the target is told before the client's first byte.
    ///   - ended: Called once, when both are closed.
    init(
        client: RelayEnd, isShared: Bool, target: RelayEnd, header: [UInt8], runtime: Runtime, limits: RedirectLimits,
        ended: @escaping (Traffic, _ why: String?) -> Void
    ) {
        self.runtime = runtime
        self.limits = limits
        self.ended = ended
        self.client = client
        self.target = target
        toClient = RelayBuffer(fromUnix: target.isUnix, mayWait: isShared, runtime: runtime, limits: limits)
        toTarget = RelayBuffer(
            holding: header, fromUnix: client.isUnix, mayWait: isShared, runtime: runtime, limits: limits)
        machine = RelayMachine(held: header.count)
        lastMove = runtime.loop.now
        runtime.pipes.enter()
    }

    /// One that has moved bytes under the program before. Both sides count as ready until they are not.
    init(
        _ saved: SavedRelay, runtime: Runtime, limits: RedirectLimits,
        ended: @escaping (Traffic, _ why: String?) -> Void
    ) {
        self.runtime = runtime
        self.limits = limits
        self.ended = ended
        client = RelayEnd(saved.client)
        target = RelayEnd(saved.target)
        let mayWait = saved.origin.isShared
        toClient = RelayBuffer(
            saved.toClient, fromUnix: target.isUnix, mayWait: mayWait, runtime: runtime, limits: limits)
        toTarget = RelayBuffer(
            saved.toTarget, fromUnix: client.isUnix, mayWait: mayWait, runtime: runtime, limits: limits)
        machine = saved.machine
        traffic = saved.traffic
        lastMove = saved.lastMove
        failure = saved.failure
        runtime.pipes.enter()
    }

    /// To be carried over; nil when it is over.
    func saved(_ origin: ConnectionOrigin) -> SavedRelay? {
        guard !isOver, let client = client.saved, let target = target.saved else { return nil }
        return SavedRelay(
            origin: origin.saved, client: client, target: target, toClient: toClient.saved, toTarget: toTarget.saved,
            machine: machine, traffic: traffic, lastMove: lastMove, failure: failure)
    }

    /// Begins to move.
    func start() {
        do {
            try client.watch(in: runtime.loop) { [unowned self] in ready(.client, $0) }
            try target.watch(in: runtime.loop) { [unowned self] in ready(.target, $0) }
        } catch {
            return end(why: "epoll: \(error)")
        }
        expire(after: max(.zero, timeLeft))
        work()
    }

    /// Closes both ends, wherever they stand; with a reset, so that nobody takes it for the end of what was sent.
    func end(why: String) {
        end(reset: true, why: why)
    }

    private func ready(_ side: RelayMachine.Side, _ interest: Epoll.Interest) {
        let isGone = !interest.isDisjoint(with: [.error, .hangUp])
        machine.becameReady(
            side, readable: isGone || !interest.isDisjoint(with: [.readable, .peerClosed]),
            writable: isGone || interest.contains(.writable))
        // A reset that comes when there is nothing to read or write would show nowhere else.
        if interest.contains(.error), let error = self[side].takeError() { failed(side, error) }
        if interest.contains(.hangUp), self[side].isProgram { left(side) }
        work()
    }

    /// Goes on until nothing can be moved, or others have a right to their turn.
    private func work() {
        for _ in 0..<limits.steps {
            guard !isOver, let step = machine.step else { return }
            take(step)
        }
        guard !isOver, machine.step != nil, !isScheduled else { return }
        isScheduled = true
        runtime.loop.afterThisRound { [weak self] in
            self?.isScheduled = false
            self?.work()
        }
    }

    private func take(_ step: RelayMachine.Step) {
        switch step {
        case .receive(let side): receive(from: side)
        case .send(let side): send(to: side)
        case .finish(let side):
            self[side].finish()
            machine.finished(side)
        case .end(let reset): end(reset: reset, why: failure)
        }
    }

    private func failed(_ side: RelayMachine.Side, _ error: Errno) {
        let hasLeft = error == .connectionReset || error == .brokenPipe
        if self[side].isProgram, hasLeft { left(side) } else { broke(side, error) }
    }

    private func left(_ side: RelayMachine.Side) {
        machine.left(side)
        self[to: side].discard()
    }

    private func broke(_ side: RelayMachine.Side, _ error: Errno) {
        if failure == nil { failure = "\(side == .client ? "the client" : "the target"): \(error)" }
        // Then neither side is, and neither would tell the other.
        if error.isShortage { return end(reset: true, why: failure) }
        machine.broke(side)
        self[to: side].discard()
        lastMove = runtime.loop.now
        if let timer { runtime.loop.cancel(timer) }
        expire(after: timeLeft)
    }

    private func receive(from side: RelayMachine.Side) {
        do {
            let count = try self[side].receive(into: self[to: side.other])
            machine.received(from: side, count > 0 ? .moved(count) : .ended)
            if count > 0 { moved(side == .client ? \.received : nil, count) }
        } catch .wouldBlock {
            machine.received(from: side, .blocked)
        } catch {
            // The kernel tells of a program's reset once; then comes what it wrote.
            if self[side].isProgram, error == .connectionReset { return left(side) }
            machine.received(from: side, .failed)
            broke(side, error)
        }
    }

    private func send(to side: RelayMachine.Side) {
        do {
            let count = try self[side].send(from: self[to: side])
            // There is something to be written: none of it and no error would go round for ever.
            guard count > 0 else { return broke(side, .ioError) }
            machine.sent(to: side, .moved(count))
            moved(side == .client ? \.sent : nil, count)
        } catch .wouldBlock {
            machine.sent(to: side, .blocked)
        } catch {
            failed(side, error)
        }
    }

    private func moved(_ counter: WritableKeyPath<Traffic, UInt64>?, _ count: Int) {
        lastMove = runtime.loop.now
        if let counter { traffic[keyPath: counter] += UInt64(count) }
    }

    private subscript(side: RelayMachine.Side) -> RelayEnd { side == .client ? client : target }
    private subscript(to side: RelayMachine.Side) -> RelayBuffer { side == .client ? toClient : toTarget }

    /// Until it is over because nothing has moved.
    private var timeLeft: Duration {
        lastMove + (machine.isBroken ? limits.lastWordTimeout : limits.idleTimeout) - runtime.loop.now
    }

    private func expire(after delay: Duration) {
        timer = runtime.loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            let left = timeLeft
            if left > .zero { expire(after: left) } else { end(why: failure ?? "nothing moved for too long") }
        }
    }

    private func end(reset: Bool, why: String?) {
        guard !isOver else { return }
        isOver = true
        if let timer { runtime.loop.cancel(timer) }
        client.close(reset: reset, runtime)
        target.close(reset: reset, runtime)
        toClient.discard()
        toTarget.discard()
        runtime.pipes.leave()
        ended(traffic, why)
    }
}
