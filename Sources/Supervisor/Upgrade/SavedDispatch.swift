internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// Processes that have a connection each.
struct SavedExec: Saved {
    var running: [Process] = []
    var bridges: [SavedRelay] = []

    struct Process: Saved {
        var instance = SavedInstance()
        var origin = SavedOrigin()

        mutating func code(with coder: inout FieldCoder) {
            coder.value(&instance)
            coder.value(&origin)
        }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.array(&running)
        coder.array(&bridges)
    }
}

/// A `wait` handler, there or not.
struct SavedWait: Saved {
    var instance: SavedInstance?
    var notifying: SavedNotifying?
    var trigger = TriggerPolicy.Content()
    /// Until when `trigger_limit` pauses it.
    var pauseDue: Duration?
    var isRestarting = false
    /// Numbers of the sockets that its process has and that are other services' by now.
    var lent: [Int32] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&instance)
        coder.optional(&notifying)
        coder.value(&trigger)
        coder.optional(&pauseDue)
        coder.flag(&isRestarting)
        coder.array(&lent)
    }
}

/// What a `wait` handler has said to NOTIFY_SOCKET.
struct SavedNotifying: Saved {
    var state: ProcessStatus.State?
    var said: ProcessStatus.State?
    var status: String?
    /// Of its heartbeat, where it has one; by the loop's running time.
    var timeout: Duration?
    var lastSign = Duration.zero

    mutating func code(with coder: inout FieldCoder) {
        coder.maybe(&state, blank: .ready) { $1.enumeration(&$0) }
        coder.maybe(&said, blank: .ready) { $1.enumeration(&$0) }
        coder.optional(&status)
        coder.optional(&timeout)
        coder.duration(&lastSign)
    }
}

/// A connection that is served inside.
struct SavedInternal: Saved {
    var connection = SavedConnection()
    var progress = SavedProgress()

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&connection)
        coder.value(&progress)
    }
}

/// What was said on a connection that is served inside.
struct SavedProgress: Saved {
    var exchange = InternalExchange.Content()
    var traffic = Traffic()
    var lastMove = Duration.zero
    var lingerDue: Duration?

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&exchange)
        coder.value(&traffic)
        coder.duration(&lastMove)
        coder.optional(&lingerDue)
    }
}

extension Traffic: Saved {
    init() { self.init(received: 0) }

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&received)
        coder.integer(&sent)
    }
}

struct SavedRedirect: Saved {
    /// The address that answered last.
    var preferred: SocketAddress?
    /// Connections whose target has not answered: it is asked anew.
    var connecting: [SavedConnection] = []
    var relays: [SavedRelay] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&preferred)
        coder.array(&connecting)
        coder.array(&relays)
    }
}

/// A relay, with what is on its way.
struct SavedRelay: Saved {
    var origin = SavedOrigin()
    var client = End()
    var target = End()
    var toClient = Buffer()
    var toTarget = Buffer()
    var machine = RelayMachine()
    var traffic = Traffic()
    var lastMove = Duration.zero
    var failure: String?

    struct End: Saved {
        var descriptor = SavedDescriptor()
        var isUnix = false
        var isProgram = false

        mutating func code(with coder: inout FieldCoder) {
            coder.value(&descriptor)
            coder.flag(&isUnix)
            coder.flag(&isProgram)
        }
    }

    struct Buffer: Saved {
        /// The ends of the pipe that holds bytes, where one does: to read from and to write to.
        var pipe: [SavedDescriptor] = []
        var bytes: [UInt8] = []
        var held = 0

        mutating func code(with coder: inout FieldCoder) {
            coder.array(&pipe)
            coder.data(&bytes)
            coder.integer(&held)
        }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&origin)
        coder.value(&client)
        coder.value(&target)
        coder.value(&toClient)
        coder.value(&toTarget)
        coder.value(&machine)
        coder.value(&traffic)
        coder.duration(&lastMove)
        coder.optional(&failure)
    }
}

extension RelayMachine: Saved {
    init() { self.init(held: 0) }

    mutating func code(with coder: inout FieldCoder) {
        coder.flag(&client.isBroken)
        coder.flag(&target.isBroken)
        coder.value(&fromClient)
        coder.value(&fromTarget)
        coder.enumeration(&turn)
    }
}

extension RelayMachine.Way: Saved {
    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&held)
        coder.flag(&inputEnded)
        coder.flag(&isOver)
    }
}
