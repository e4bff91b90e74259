internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// `baton top` where there is no terminal: one table, or one line of JSON, an interval.
struct TopListing: ~Copyable {
    private var client: ControlClient
    private var epoll: Epoll
    private let services: [String]
    private let interval: Duration
    private var count: Int?

    private static let width = 110

    init(_ client: consuming ControlClient, services: [String], interval: Duration, count: Int?) throws(Errno) {
        self.client = client
        self.services = services
        self.interval = interval
        self.count = count
        epoll = try Epoll(batch: 1)
    }

    /// Statuses as they come, the first at once.
    mutating func printJSON(first: JSON) throws(Failure) {
        var result = first
        while true {
            try write(result.text + "\n")
            guard try goOn() else { return }
            result = try client.call(.status(services: services))
        }
    }

    /// Tables, the first after an interval: before there are no rates.
    mutating func printTables(first: SupervisorStatus, text: TopText) throws(Failure) {
        var model = TopModel()
        model.take(first)
        try pause()
        while true {
            model.take(try SupervisorStatus(result: try client.call(.status(services: services))))
            let table = TopTable(model.rows, width: Self.width, text: text)
            let head = TopHead(model: model, silence: nil, text: text).lines(width: Self.width)
            let lines = [StyledLine("\(Self.now)")] + head + [table.header] + model.rows.map { table.line($0) }
            try write(lines.map { $0.text.trimmed + "\n" }.joined() + "\n")
            guard try goOn() else { return }
        }
    }

    /// Waits for the next one; false when there is none.
    private mutating func goOn() throws(Failure) -> Bool {
        if let left = count {
            count = left - 1
            if left <= 1 { return false }
        }
        try pause()
        return true
    }

    private mutating func pause() throws(Failure) {
        let end = Clock.now() + interval
        do throws(Errno) {
            while Clock.now() < end { _ = try epoll.wait(timeout: end - Clock.now()) }
        } catch {
            throw Failure(.failed, "epoll: \(error)")
        }
    }

    /// At once, whatever standard output is.
    private func write(_ text: String) throws(Failure) {
        do {
            _ = try FileDescriptor.standardOutput.writeAll(Array(text.utf8))
        } catch {
            throw Failure(.failed, "standard output: \(error)")
        }
    }

    private static var now: Timestamp {
        let (seconds, nanoseconds) = Clock.wall()
        return Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds))
    }
}

extension String {
    /// Without blanks at its end.
    fileprivate var trimmed: String { String(reversed().drop { $0 == " " }.reversed()) }
}
