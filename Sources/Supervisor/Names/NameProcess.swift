internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// One process that looks names up, a question at a time.
final class NameProcess: EventSource {
    private let runtime: Runtime
    private let channel: OwnedDescriptor
    private var registration: RegistrationID?
    private var pid: Int32?
    /// Of the question that it is at.
    private var answered: ((NameAnswer?) -> Void)?
    private var isEnded = false
    private var deadline: TimerID?
    private var idle: TimerID?
    /// Told when it has answered, or is of no more use.
    var changed: (NameProcess) -> Void = { _ in }

    /// Without a question for so long, it ends.
    private static let idleTime = Duration.seconds(3)
    private static let channelNumber = 3

    init(_ runtime: Runtime) throws(Errno) {
        self.runtime = runtime
        let pair = try Socket.pair(.sequencedPacket)
        try Socket.setNonblocking(pair.ours.borrowed, true)
        channel = pair.ours
        try start(DescriptorBox(pair.theirs))
        registration = try runtime.loop.watch(channel.borrowed, for: .readable, self)
    }

    var isFree: Bool { answered == nil && !isEnded }
    var isUsable: Bool { !isEnded }

    static func plan(inherited: [String: String], identity: SpawnPlan.Identity?) -> SpawnPlan {
        .own(
            "/proc/self/exe", ["names", "\(channelNumber)"], [.null, .null, .null, .passed(0)], inherited: inherited,
            identity: identity)
    }

    private func start(_ theirs: DescriptorBox) throws(Errno) {
        var plan = Self.plan(inherited: runtime.environment, identity: runtime.ownIdentity)
        plan.permit = runtime.privileges.permits[ProgramKey(service: "", role: .names)] ?? 0
        runtime.launchers.spawn(plan, passing: [theirs]) { [self] outcome in
            _ = theirs.take()
            guard case .running(let pid) = outcome else { return end() }
            runtime.instances.trackOwn(pid) { [self] _ in
                self.pid = nil
                end()
            }
            self.pid = pid
            if isEnded { kill() }
        }
    }

    /// Asks it; it is free. `answered` is called once: nil when no answer came in time.
    func ask(_ question: NameQuestion, patience: Duration, answered: @escaping (NameAnswer?) -> Void) {
        self.answered = answered
        if let idle { runtime.loop.cancel(idle) }
        idle = nil
        deadline = runtime.loop.schedule(after: patience) { [weak self] in self?.end() }
        // The channel is empty, for the last question was answered.
        if (try? DescriptorPassing.send(question.encoded, on: channel.borrowed)) == nil { end() }
    }

    func ready(_ interest: Epoll.Interest) {
        var buffer = [UInt8](repeating: 0, count: NameAnswer.most)
        do {
            let received = try DescriptorPassing.receive(into: &buffer, room: 0, on: channel.borrowed)
            guard received.count > 0, answered != nil else { return end() }
            settle(NameAnswer(decoding: buffer[..<received.count]))
            idle = runtime.loop.schedule(after: Self.idleTime) { [weak self] in self?.end() }
            changed(self)
        } catch .wouldBlock {
            return
        } catch {
            end()
        }
    }

    private func settle(_ answer: NameAnswer?) {
        if let deadline { runtime.loop.cancel(deadline) }
        deadline = nil
        answered.take()?(answer)
    }

    /// It hangs in a look-up, has died, or has nothing to do.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        if let registration { runtime.loop.forget(registration) }
        if let idle { runtime.loop.cancel(idle) }
        kill()
        settle(nil)
        changed(self)
    }

    private func kill() {
        if let pid { runtime.privileges.signalGroup(pid, SIGKILL) }
    }
}
