internal import HandoffProtocol
internal import LinuxSystem

/// What a handler has said on its channel, held against what was said to it. A message that may not come is a fault.
struct HandlerRecord {
    private(set) var registration: HandlerMessage.Registration?
    /// The last that it stated; 0 is no limit of its own.
    private(set) var capacity: UInt32 = 0
    private(set) var acknowledged: UInt64 = 0
    /// In the order in which they came.
    private(set) var done: [UInt64] = []
    private(set) var negatives: [UInt64: String] = [:]
    private(set) var passes: [ReceivedPass] = []
    /// DRAIN came: it wants no more.
    private(set) var wantsNoMore = false

    private var ledger = BatonLedger()
    /// PINGs that stand unanswered, by id: how many.
    private var pings: [UInt64: Int] = [:]

    /// A PASS with the descriptor that came with it.
    struct ReceivedPass {
        var pass: HandlerMessage.Pass
        var descriptor: DescriptorBox
    }

    var traits: HandlerTraits { registration?.traits ?? [] }
    var sendsDone: Bool { !traits.contains(.sendsNoDone) }
    var nextID: UInt64 { ledger.nextID }
    /// Acknowledged and not done.
    var heldCount: Int { ledger.heldCount }
    var unansweredPings: Int { pings.values.reduce(0, +) }

    func awaitsPong(_ id: UInt64) -> Bool { pings[id] != nil }

    var takesPing: Bool { !traits.contains(.servesOnChannelThread) || ledger.count == 0 }

    /// Batons that the supervisor would send now.
    var room: Int {
        if wantsNoMore { return 0 }
        if traits.contains(.servesOnChannelThread) { return ledger.count == 0 ? 1 : 0 }
        let window = ProtocolLimits.unacknowledged - ledger.unacknowledgedCount
        return capacity == 0 ? window : min(window, Int(capacity) - ledger.count)
    }

    mutating func sentBaton() {
        ledger.sent()
    }

    mutating func sentPing(_ id: UInt64) {
        pings[id, default: 0] += 1
    }

    /// PASSED is sent: a connection that was taken is over, one that was refused is held as before.
    mutating func sentPassed(_ id: UInt64, isTaken: Bool) {
        if isTaken { ledger.passed(id) } else { _ = ledger.kept(id) }
    }

    mutating func take(_ packet: Span<UInt8>, _ descriptors: [DescriptorBox]) throws(Finding) {
        do throws(ProtocolError) {
            let message = try MessageCoder.decodeHandlerMessage(packet)
            try message.type.check(descriptors: descriptors.count)
            if case .register(let registration) = message {
                try register(registration)
            } else {
                guard registration != nil else { throw .unexpected(message.type) }
                try take(message, descriptors)
            }
        } catch {
            throw .fault("it sent what it may not: \(error)")
        }
    }

    private mutating func register(_ registration: HandlerMessage.Registration) throws(ProtocolError) {
        guard self.registration == nil else { throw .unexpected(.register) }
        self.registration = registration
        capacity = registration.capacity
        ledger = BatonLedger(traits: registration.traits)
    }

    private mutating func take(_ message: HandlerMessage, _ descriptors: [DescriptorBox]) throws(ProtocolError) {
        switch message {
        case .register, .status: break
        case .acknowledge(let id):
            try ledger.acknowledge(upTo: id)
            while ledger.nextAcknowledged() != nil {}
            acknowledged = max(acknowledged, id)
        case .done(let ids):
            _ = try ledger.done(ids)
            done += ids
        case .pong(let id):
            guard let count = pings[id] else { throw .notSent(.pong, id: id) }
            pings[id] = count == 1 ? nil : count - 1
        case .pass(let pass):
            if pass.isOfBaton { _ = try ledger.pass(pass.id) }
            if let descriptor = descriptors.first { passes.append(ReceivedPass(pass: pass, descriptor: descriptor)) }
        case .capacity(let stated): capacity = stated
        case .drain: wantsNoMore = true
        case .negative(let id, let reason):
            try ledger.negative(id)
            negatives[id] = reason
        }
    }
}

extension HandlerMessage.Pass {
    /// Its id is that of a BATON; for a connection from elsewhere the top bit is set.
    var isOfBaton: Bool { id & (1 << 63) == 0 }
}
