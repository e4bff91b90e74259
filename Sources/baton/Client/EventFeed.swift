internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The events of a supervisor, one after the other. One that follows goes on with the supervisor that comes in the
/// place of the first, if it comes soon.
struct EventFeed: ~Copyable {
    private let query: EventQuery
    private let directory: RuntimeDirectory
    private var client: ControlClient
    /// INT and TERM end it as it is meant to end.
    private let signals: SignalDescriptor
    /// The time of the last event that was told.
    private var told: String
    /// Up to then all has been told by the supervisor before this one.
    private var toldBefore: String?

    /// How long a supervisor may be away.
    private static let patience = Duration.seconds(5)
    private static let pause = Duration.milliseconds(100)

    init(_ query: EventQuery, from directory: RuntimeDirectory) throws(Failure) {
        var client = try ControlClient(directory)
        _ = try client.call(.events(query))
        signals = try Self.signals(query.follows ? [SIGINT, SIGTERM] : [])
        self.client = client
        self.query = query
        self.directory = directory
        let (seconds, nanoseconds) = Clock.wall()
        told = "\(Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds)))"
    }

    private static func signals(_ signals: [Int32]) throws(Failure) -> SignalDescriptor {
        do { return try SignalDescriptor(signals) } catch { throw Failure(.failed, "signals: \(error)") }
    }

    /// Waits for the next event; nil at the end, or when interrupted or read no more.
    mutating func next() throws(Failure) -> JSON? {
        while true {
            switch try client.read(
                patience: query.follows ? nil : SupervisorSocket.patience, unless: signals.borrowed,
                for: .standardOutput)
            {
            case .interrupted: return nil
            case .ended:
                guard query.follows else {
                    throw Failure(.unavailable, "\(directory.path): the supervisor closed the connection")
                }
                guard try connectAgain() else { return nil }
            case .line(let line):
                let event = try parse(line)
                // Another program has taken over; what follows is told by that one.
                if event.object?["reconnect"] != nil { continue }
                guard event.object?["event"] != .string(EventMark.endName) else { return nil }
                if isNews(event) { return event }
            }
        }
    }

    private func parse(_ line: [UInt8]) throws(Failure) -> JSON {
        do {
            return try JSON(parsing: line, limits: .reply)
        } catch {
            throw Failure(.failed, "\(directory.path): the supervisor's line is not understood: \(error)")
        }
    }

    private mutating func isNews(_ event: JSON) -> Bool {
        guard let time = event.object?["time"]?.string else { return true }
        if let toldBefore, time <= toldBefore { return false }
        told = max(told, time)
        return true
    }

    /// - Returns: False when it was interrupted.
    private mutating func connectAgain() throws(Failure) -> Bool {
        StandardError.write("baton: the supervisor closed the connection; waiting for it to come back")
        let deadline = Clock.now() + Self.patience
        toldBefore = told
        var again = query
        again.recent = Int.max
        while true {
            do throws(Failure) {
                client = try ControlClient(directory)
                _ = try client.call(.events(again))
                StandardError.write("baton: a supervisor answers again")
                return true
            } catch {
                guard error.code == .unavailable, Clock.now() < deadline else { throw error }
            }
            if isInterrupted(within: Self.pause) { return false }
        }
    }

    private func isInterrupted(within time: Duration) -> Bool {
        guard var epoll = try? Epoll(batch: 1), (try? epoll.add(signals.borrowed, .readable, token: 0)) != nil else {
            return true
        }
        return (try? epoll.wait(timeout: time)) != 0
    }
}
