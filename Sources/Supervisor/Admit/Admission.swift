internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// Who may come into one service, and how much: the same for every way that a connection can take. Pure, given the
/// time.
///
/// The order is the table's: source list, `access_times`, `max_load`, what one source has and how fast it comes, the
/// rate of all. What is refused has taken no token and no place. (The room before accept and the PROXY header come
/// before this.)
struct Admission {
    private(set) var settings: AdmissionSettings
    private var list: SourceList
    private var census = SourceCensus()
    private var bucket = TokenBucket()

    /// What an admitted connection counts against: to be given back once.
    struct Token {
        let source: SourceKey?
    }

    enum Verdict {
        case admit(Token)
        case refuse(RefusalReason, RefusalManner)
        /// The name of its source decides: decide again when it is known.
        case askName
    }

    enum DatagramVerdict: Equatable {
        case admit
        case drop(DropReason)
        case askName

        var reason: DropReason? { if case .drop(let reason) = self { reason } else { nil } }
    }

    init(_ settings: AdmissionSettings) {
        self.settings = settings
        list = SourceList(onlyFrom: settings.onlyFrom, noAccess: settings.noAccess)
    }

    /// Goes by other settings: what sources have here, and what they have used up, stays counted.
    mutating func update(_ new: AdmissionSettings, at now: Duration) {
        guard new != settings else { return }
        if new.rate != settings.rate { bucket.convert(from: settings.rate, to: new.rate, at: now) }
        census.convert(from: settings.ratePerSource, to: new.ratePerSource, at: now)
        settings = new
        list = SourceList(onlyFrom: new.onlyFrom, noAccess: new.noAccess).keepingAddresses(of: list)
    }

    // MARK: Connections

    /// - Parameter unserved: Why nobody could serve it now; nil when somebody can.
    mutating func decide(_ subject: AdmissionSubject, unserved: RefusalReason? = nil, at now: Duration) -> Verdict {
        switch sourceAnswer(subject) {
        case .admitted: break
        case .nameNeeded: return .askName
        case .refused: return .refuse(.source, .close)
        }
        if let reason = closed(subject) { return .refuse(reason, .close) }
        let key = settings.asksSources ? SourceKey(subject, prefix: settings.sourcePrefix) : nil
        if let key, let reason = overSourceLimit(key, at: now) {
            return .refuse(reason, settings.onSourceLimit.manner)
        }
        if let rate = settings.rate, bucket.wait(for: rate, at: now) != nil {
            return .refuse(.rate, settings.onRate.manner)
        }
        if let unserved { return .refuse(unserved, .close) }
        // Nothing refuses it any more: what it takes is taken from here on.
        if let rate = settings.rate { bucket.take(from: rate, at: now) }
        if let key {
            census.enter(key)
            if let rate = settings.ratePerSource { census.takeToken(key, of: rate, at: now) }
        }
        return .admit(Token(source: key))
    }

    /// The connection is over, or never came to anything.
    mutating func giveBack(_ token: Token) {
        if let source = token.source { census.leave(source) }
    }

    /// Whether the rate lets connections in now, where it makes them wait.
    ///
    /// - Parameter reserved: Connections that are accepted and not decided on: they may need a token yet.
    func rate(reserved: Int, at now: Duration) -> Gate {
        guard let rate = settings.rate, settings.onRate == .wait else { return .open(.max) }
        let tokens = bucket.tokens(of: rate, at: now) - reserved
        // With tokens that are reserved only it is looked at again when one is decided on.
        return Gate(tokens, else: .rate, until: bucket.wait(for: rate, at: now))
    }

    // MARK: Carried over

    /// Admits what was admitted before, by the program whose place this one has taken.
    mutating func takeAgain(_ source: SourceKey?) -> Token {
        if let source { census.enter(source) }
        return Token(source: source)
    }

    /// What rates have left.
    var saved: SavedRates {
        get { SavedRates(all: bucket, bySource: census.buckets) }
        set {
            bucket = newValue.all
            census.buckets = newValue.bySource
        }
    }

    // MARK: Without connections

    /// A process of a `wait` service begins.
    mutating func takeStart(at now: Duration) {
        if let rate = settings.rate { bucket.take(from: rate, at: now) }
    }

    mutating func decide(datagram subject: AdmissionSubject, at now: Duration) -> DatagramVerdict {
        // Whose a Unix datagram is nobody knows.
        switch subject.kind == .unix ? .admitted : sourceAnswer(subject) {
        case .admitted: break
        case .nameNeeded: return .askName
        case .refused: return .drop(.source)
        }
        guard closed(subject) == nil else { return .drop(.source) }
        let key = SourceKey(subject, prefix: settings.sourcePrefix)
        if let rate = settings.ratePerSource, !census.hasToken(key, of: rate, at: now) { return .drop(.rate) }
        if let rate = settings.rate {
            guard bucket.wait(for: rate, at: now) == nil else { return .drop(.rate) }
            bucket.take(from: rate, at: now)
        }
        if let rate = settings.ratePerSource { census.takeToken(key, of: rate, at: now) }
        return .admit
    }

    // MARK: Hosts of the lists

    var hosts: Set<String> { list.hosts }

    /// The lists with what their hosts stand for now.
    func fill(_ settings: inout AdmissionSettings) {
        (settings.onlyFrom, settings.noAccess) = (list.onlyFrom, list.noAccess)
    }

    mutating func setAddresses(_ addresses: [AddressBlock], of host: String) {
        list = list.replacing(host, by: addresses)
    }

    // MARK: Rules

    /// Each kind of source by the list that is made for it. Where there is none, one that comes from another service is
    /// kept out by the service's own lists.
    private func sourceAnswer(_ subject: AdmissionSubject) -> SourceList.Answer {
        let isOutside = subject.isOffered && settings.listsAreOwn
        switch subject.source {
        case .ipv4, .ipv6:
            if isOutside, settings.onlyFrom == nil { return .refused }
            guard let address = AddressBlock(subject.source) else { return .refused }
            return list.answer(for: address, name: subject.name)
        case .unix, .abstract:
            // On a TCP connection it is the word of a PROXY header, and whose it is nobody knows.
            if subject.kind == .tcp { return isOutside || settings.onlyFrom != nil ? .refused : .admitted }
            if isOutside, !settings.asksUsers { return .refused }
            return settings.admits(subject.credentials) ? .admitted : .refused
        case .vsock:
            return isOutside ? .refused : .admitted
        }
    }

    /// `access_times` and `max_load`: nil when both let it in.
    func closed(_ subject: AdmissionSubject) -> RefusalReason? {
        if !AccessSchedule.isOpen(settings.accessTimes, at: subject.minuteOfWeek) { return .time }
        if let most = settings.maxLoad, subject.load > most { return .load }
        return nil
    }

    private mutating func overSourceLimit(_ key: SourceKey, at now: Duration) -> RefusalReason? {
        if let most = settings.perSource, census.count(of: key) >= most { return .perSource }
        if let rate = settings.ratePerSource, !census.hasToken(key, of: rate, at: now) { return .ratePerSource }
        return nil
    }
}

extension AdmissionSettings {
    fileprivate var asksSources: Bool { perSource != nil || ratePerSource != nil }
    fileprivate var asksUsers: Bool { onlyUsers != nil || onlyGroups != nil }

    /// `only_users` and `only_groups`: either will do.
    fileprivate func admits(_ credentials: PeerCredentials?) -> Bool {
        guard asksUsers else { return true }
        guard let credentials else { return false }
        return onlyUsers?.contains(credentials.uid) ?? false || onlyGroups?.contains(credentials.gid) ?? false
            || credentials.groups.contains { onlyGroups?.contains($0) ?? false }
    }
}

extension WhenFull {
    /// How a connection that is one too many is closed.
    var manner: RefusalManner { self == .reset ? .reset : .close }
}
