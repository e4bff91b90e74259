internal import LinuxSystem

/// The life of one persistent handler: pure, told what happened, answering what to do.
///
/// Three signs are kept apart: the process (its exit), the channel (its hang-up) and the heartbeat.
/// A handler is *gone* only when its channel hung up and, if it is our child, its exit was collected:
/// before that it may still hold what it has not acknowledged.
struct HandlerMachine {
    enum Kind: CaseIterable {
        /// Our child.
        case supervised
        /// Joined from outside.
        case registered
    }

    enum State: CaseIterable {
        case starting, ready, unresponsive, draining
        /// Its end is certain; what is left of it is waited for.
        case ending
        case gone
    }

    enum Event {
        case registered
        /// We want it to finish.
        case drainAsked
        /// It said that it finishes.
        case drainAnnounced
        /// The heartbeat's verdict.
        case silent
        /// A message came.
        case heard
        case protocolError
        /// The connection that kept a datagram channel is closed, and somebody holds the channel still.
        case lifelineEnded
        /// No process holds the other end of the channel.
        case channelHungUp
        case exited(ExitStatus)
        case deadline(Deadline)
    }

    enum Deadline: Hashable {
        /// To register.
        case start
        /// From DRAIN to the stop signal.
        case drain
        /// For the channel to hang up once the handler itself has ended, or the other way round.
        case remnant
    }

    enum Action: Equatable {
        case sendWelcome
        case sendDrain
        case arm(Deadline)
        /// Its stop signal, and SIGKILL when the grace is over.
        case terminate
        case kill
        /// Lets the handler read the end of its channel, and listens on for its hang-up only.
        case endChannel
        case gone(Departure)
    }

    /// How a handler went, for what becomes of its batons and for the restart.
    struct Departure: Equatable {
        var manner: Manner
        /// The channel did not hang up in time: what was not acknowledged may be held by somebody.
        var leftChannelOpen = false
        /// It was killed because it did not register in time.
        var startExpired = false
        var status: ExitStatus?

        enum Manner {
            /// Never registered.
            case failedStart
            /// Ended by itself, unasked, and not well.
            case crashed
            /// Ended unasked with status 0, or after its own DRAIN.
            case finished
            /// We asked it to, or killed it.
            case dismissed
        }
    }

    private(set) var state = State.starting
    let kind: Kind
    /// A silent handler is killed rather than waited for.
    var killsSilent: Bool
    private var everRegistered = false
    private var processEnded: Bool
    private var channelEnded = false
    private var status: ExitStatus?
    private var drainAnnounced = false
    private var dismissed = false
    private var brokeProtocol = false
    /// It did not register in time. Only words hang on it, so that it is not carried over.
    private(set) var startExpired = false

    init(kind: Kind, killsSilent: Bool) {
        self.kind = kind
        self.killsSilent = killsSilent
        processEnded = kind == .registered
    }

    /// To be carried over.
    var content: Content {
        get {
            Content(
                state: state, everRegistered: everRegistered, processEnded: processEnded, channelEnded: channelEnded,
                status: status, drainAnnounced: drainAnnounced, dismissed: dismissed, brokeProtocol: brokeProtocol)
        }
        set {
            state = newValue.state
            everRegistered = newValue.everRegistered
            processEnded = newValue.processEnded
            channelEnded = newValue.channelEnded
            status = newValue.status
            drainAnnounced = newValue.drainAnnounced
            dismissed = newValue.dismissed
            brokeProtocol = newValue.brokeProtocol
        }
    }

    /// It was asked to end before it had registered: its REGISTER may be on its way, and is no fault.
    var registersTooLate: Bool { state == .ending && !everRegistered && !brokeProtocol }

    /// We asked for its end, so that nothing which dies with it is blamed for it.
    var endsAsAsked: Bool { dismissed || drainAnnounced }

    /// It has finished what it held, by all that is known: it was to end, and ended well.
    var finishedItsWork: Bool { endsAsAsked && !brokeProtocol && status?.succeeded ?? true }

    /// It said that it finishes, and nobody had asked.
    var finishesByItself: Bool { drainAnnounced && !dismissed }

    mutating func handle(_ event: Event) -> [Action] {
        switch (state, event) {
        case (.gone, _):
            return []
        case (.starting, .registered):
            state = .ready
            everRegistered = true
            return [.sendWelcome]
        case (.unresponsive, .heard):
            // What was still on its way when it was killed is no sign of a life to come.
            if !killsSilent { state = .ready }
            return []
        case (.ready, .silent):
            state = .unresponsive
            return killsSilent ? [.kill] : []
        case (.draining, .silent) where killsSilent:
            // A registered one that may not be killed is waited for.
            return kind == .supervised ? end([.kill]) : [.kill]
        case (.starting, .drainAsked):
            dismissed = true
            return end([.terminate])
        case (.ready, .drainAsked), (.unresponsive, .drainAsked):
            dismissed = true
            state = .draining
            return [.sendDrain, .arm(.drain)]
        case (.draining, .drainAsked):
            dismissed = true
            return []
        case (.ready, .drainAnnounced), (.unresponsive, .drainAnnounced), (.draining, .drainAnnounced):
            drainAnnounced = true
            let first = state != .draining
            state = .draining
            return first ? [.arm(.drain)] : []
        case (_, .protocolError):
            brokeProtocol = true
            // Once it is collected its number, and its group's, may be another's.
            let kills = kind == .supervised && !processEnded
            return end(kills ? [.kill, .endChannel] : [.endChannel, .arm(.remnant)])
        case (_, .lifelineEnded):
            return end([.endChannel, .arm(.remnant)])
        case (_, .channelHungUp):
            channelEnded = true
            return channelGone()
        case (_, .exited(let status)):
            self.status = status
            processEnded = true
            return channelEnded ? depart() : end([.kill, .arm(.remnant)])
        case (.starting, .deadline(.start)):
            startExpired = true
            return end([.kill])
        case (.draining, .deadline(.drain)):
            // A registered handler is not ours to signal: it keeps what it holds and gets no more.
            return kind == .supervised ? [.terminate] : []
        case (_, .deadline(.remnant)):
            guard channelEnded else { return depart(leavingChannelOpen: true) }
            return processEnded ? [] : [.kill]
        case (_, .registered), (_, .heard), (_, .silent), (_, .drainAsked), (_, .drainAnnounced), (_, .deadline):
            return []
        }
    }

    /// The supervisor wants the process to end now: TERM if `firmly` is false, else KILL.
    mutating func dismiss(firmly: Bool) -> [Action] {
        guard state != .gone, kind == .supervised, !processEnded else { return [] }
        dismissed = true
        return end(firmly ? [.kill] : [.terminate])
    }

    private mutating func end(_ actions: [Action]) -> [Action] {
        state = .ending
        return actions
    }

    private mutating func channelGone() -> [Action] {
        if processEnded { return depart() }
        // A child that closed its channel cannot be talked to. If it has worked it may be about to exit, and has its time.
        if endsAsAsked { return [] }
        return end(everRegistered ? [.arm(.remnant)] : [.kill])
    }

    private mutating func depart(leavingChannelOpen: Bool = false) -> [Action] {
        state = .gone
        return [
            .gone(
                Departure(
                    manner: manner, leftChannelOpen: leavingChannelOpen, startExpired: startExpired, status: status))
        ]
    }

    private var manner: Departure.Manner {
        if dismissed { return .dismissed }
        if !everRegistered { return .failedStart }
        if brokeProtocol { return .crashed }
        if drainAnnounced || status?.succeeded == true { return .finished }
        return .crashed
    }
}
