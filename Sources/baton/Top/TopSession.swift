internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// `baton top` in the whole terminal: keys, signals and the supervisor's answers, one at a time.
final class TopSession {
    private var screen: TopScreen
    private var terminal: FullScreen?
    private let feed: StatusFeed
    private var keys = KeyReader()
    private var epoll: Epoll
    private let signals: SignalDescriptor
    private let paint: Paint
    private let interval: Duration
    /// Statuses still to be shown; nil is no end.
    private var count: Int?
    private var nextQuestion: Duration
    private var lastNews: Duration
    private var trouble: String?
    private var isFeedWatched = false
    private var isOver = false

    private enum Token: UInt64 {
        case keys, signals, feed
    }

    /// What belongs to an Escape sequence comes at once; by itself it is the key.
    private static let escapeTime = Duration.milliseconds(50)
    /// An answer that is late by so much is worth a word.
    private static let patience = Duration.seconds(2)

    /// - Parameter first: The first status, so that the screen is never empty.
    init(
        first: SupervisorStatus, feed: StatusFeed, interval: Duration, count: Int?, text: TopText,
        paint: Paint
    ) throws(Errno) {
        screen = TopScreen(text: text)
        screen.take(first)
        self.feed = feed
        self.interval = interval
        self.count = count
        self.paint = paint
        lastNews = Clock.now()
        nextQuestion = lastNews + interval
        signals = try SignalDescriptor([SIGWINCH, SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT])
        epoll = try Epoll(batch: 4)
        try epoll.add(.standardInput, .readable, token: Token.keys.rawValue)
        try epoll.add(signals.borrowed, .readable, token: Token.signals.rawValue)
        terminal = try FullScreen(paint: paint)
    }

    /// Until the person has seen enough.
    func run() throws(Errno) {
        while !isOver {
            draw()
            let wait = keys.isWaiting ? Self.escapeTime : max(.zero, nextQuestion - Clock.now())
            let ready = try epoll.wait(timeout: wait)
            if ready == 0, keys.isWaiting { strike(keys.flush()) }
            for index in 0..<ready {
                switch Token(rawValue: epoll.event(index).token) {
                case .keys: readKeys()
                case .signals: while let signal = signals.next() { try take(signal.number) }
                case .feed: try listen()
                case nil: break
                }
            }
            if Clock.now() >= nextQuestion { try ask() }
        }
    }

    private func draw() {
        let silent = Clock.now() - lastNews
        if trouble != nil || silent > interval + Self.patience {
            screen.silence = (trouble ?? "the supervisor does not answer", silent)
        }
        let size = FullScreen.currentSize
        terminal?.show(screen.lines(size), size: size)
    }

    // MARK: The person

    private func readKeys() {
        var buffer = [UInt8](repeating: 0, count: 256)
        // The end of a terminal is the end of the person.
        guard let count = try? FileDescriptor.standardInput.readOnce(into: &buffer), count > 0 else {
            isOver = true
            return
        }
        strike(keys.append(buffer[..<count]))
    }

    private func strike(_ keys: [Key]) {
        for key in keys where !screen.handle(key) { isOver = true }
    }

    private func take(_ signal: Int32) throws(Errno) {
        switch signal {
        case SIGWINCH: break
        case SIGCONT: terminal?.forget()
        case SIGTSTP:
            terminal = nil
            Terminal.suspend()
            terminal = try FullScreen(paint: paint)
        default: isOver = true
        }
    }

    // MARK: The supervisor

    private func ask() throws(Errno) {
        nextQuestion = Clock.now() + interval
        do throws(Failure) { try feed.ask() } catch { trouble = error.message }
        try watchFeed()
    }

    private func listen() throws(Errno) {
        do throws(Failure) {
            if let result = try feed.receive() { take(try SupervisorStatus(result: result)) }
        } catch {
            trouble = error.message
        }
        try watchFeed()
    }

    private func take(_ status: SupervisorStatus) {
        screen.take(status)
        trouble = nil
        lastNews = Clock.now()
        if let left = count {
            count = left - 1
            isOver = left <= 1
        }
    }

    /// A descriptor that was closed has left the set by itself.
    private func watchFeed() throws(Errno) {
        if let descriptor = feed.descriptor, !isFeedWatched {
            try epoll.add(descriptor, .readable, token: Token.feed.rawValue)
        }
        isFeedWatched = feed.descriptor != nil
    }
}
