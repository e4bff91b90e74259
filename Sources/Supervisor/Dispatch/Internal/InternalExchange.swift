internal import ControlProtocol
internal import ServiceTable

/// An internal service's side of one connection, without the socket: what comes in makes what goes out.
struct InternalExchange {
    private let service: InternalService
    /// To be sent next.
    private(set) var output: [UInt8] = []
    private var inputEnded = false
    /// Bytes that may still come behind the last word.
    private var lingerBytes: Int

    init(_ service: InternalService, at time: Timestamp, limits: InternalLimits = .standard) {
        self.service = service
        lingerBytes = limits.lingerBytes
        switch service {
        case .echo, .discard: break
        case .chargen: output = InternalContent.characters
        case .daytime: output = InternalContent.daytime(time)
        case .time: output = InternalContent.time(time)
        case .qotd: output = InternalContent.quote(time)
        }
    }

    /// Says `words` and ends, as daytime and its kin do.
    init(saying words: [UInt8], limits: InternalLimits = .standard) {
        service = .qotd
        lingerBytes = limits.lingerBytes
        output = words
    }

    /// One that has begun, by what `content` has told.
    init(_ content: Content) {
        service = content.service
        output = content.output
        inputEnded = content.inputEnded
        lingerBytes = content.lingerBytes
    }

    var content: Content {
        Content(service: service, output: output, inputEnded: inputEnded, lingerBytes: lingerBytes)
    }

    enum Step: Equatable {
        case exchange(reading: Bool, writing: Bool)
        /// All is said: end the writing half, and read on for a short time.
        case linger
        case end
    }

    var step: Step {
        switch service {
        case .echo:
            // Not read while there is something to write: a client that does not read waits, not we.
            if !output.isEmpty { return .exchange(reading: false, writing: true) }
            return inputEnded ? .end : .exchange(reading: true, writing: false)
        case .discard:
            return inputEnded ? .end : .exchange(reading: true, writing: false)
        case .chargen:
            // RFC 864: it goes on until the client closes; what comes in is thrown away.
            return .exchange(reading: !inputEnded, writing: true)
        case .daytime, .time, .qotd:
            if !output.isEmpty { return .exchange(reading: false, writing: true) }
            return inputEnded || lingerBytes <= 0 ? .end : .linger
        }
    }

    var reads: Bool {
        switch step {
        case .exchange(let reading, _): reading
        case .linger: true
        case .end: false
        }
    }

    var writes: Bool { !output.isEmpty }

    mutating func received(_ bytes: [UInt8]) {
        switch service {
        case .echo: output = bytes
        case .discard, .chargen: break
        case .daytime, .time, .qotd: lingerBytes -= bytes.count
        }
    }

    /// The client sends no more.
    mutating func receivedEnd() {
        inputEnded = true
    }

    /// So many bytes of `output` are gone.
    mutating func sent(_ count: Int) {
        output.removeFirst(count)
        if service == .chargen, output.isEmpty { output = InternalContent.characters }
    }
}

// MARK: - Carried over

extension InternalExchange {
    struct Content: Saved {
        var service = InternalService.discard
        var output: [UInt8] = []
        var inputEnded = false
        var lingerBytes = 0

        mutating func code(with coder: inout FieldCoder) {
            coder.enumeration(&service)
            coder.data(&output)
            coder.flag(&inputEnded)
            coder.integer(&lingerBytes)
        }
    }
}
