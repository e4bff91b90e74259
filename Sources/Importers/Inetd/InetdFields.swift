/// An entry of inetd.conf in its fields, whatever notation it was written in.
struct InetdFields {
    var place: SourcePlace
    /// As it stands in the source.
    var text: String
    var isEnabled: Bool
    /// Addresses in front of the service; empty means all.
    var hosts: [String]
    var service: String
    var socketType: String
    var `protocol`: String
    var wait: String
    var user: String
    var server: String
    /// argv, the name first.
    var arguments: [String]
    /// What only NetBSD's keys can say.
    var limits = Limits()
    var fidelity: Fidelity

    struct Limits {
        var instances: Int?
        var ratePerSource: Int?
        var hasFilter = false
        var hasPolicy = false
        var sendBuffer: String?
        var receiveBuffer: String?
    }

    static let brokenLine = "has bytes that are not UTF-8, a NUL, or more than 16 KiB"

    /// What 4.4BSD's inetds pass on of `arguments` (MAXARGV).
    static let mostArguments = 20

    /// Why an entry is none.
    struct Problem: Error {
        var message: String
    }

    /// Fields in their positions: `[host:]service type protocol wait user server [arguments]`.
    init(_ entry: InetdText.Entry, in file: String, defaultHosts: [String]) throws(Problem) {
        if entry.isBroken { throw Problem(message: "the line \(Self.brokenLine)") }
        let split = InetdWords(entry.text)
        let words = split.words
        guard let first = words.first else { throw Problem(message: "an empty entry") }
        let names = ["a socket type", "a protocol", "wait or nowait", "a user", "a program"]
        guard words.count >= 6 else {
            throw Problem(message: "\(names[max(0, words.count - 1)]) is missing")
        }
        place = SourcePlace(file, entry.line)
        text = entry.text
        isEnabled = entry.isEnabled
        (hosts, service) = Self.split(first)
        if hosts.isEmpty { hosts = defaultHosts }
        socketType = words[1]
        self.protocol = words[2]
        wait = words[3]
        user = words[4]
        server = words[5]
        arguments = Array(words.dropFirst(6))
        fidelity = entry.fidelity
        if split.isUnbalanced {
            fidelity = fidelity.and(InetdRow.openQuote.outcome)
        } else if split.hasQuotes {
            fidelity = fidelity.and(InetdRow.quotes.outcome)
        }
        try check()
    }

    init(
        at place: SourcePlace, text: String, isEnabled: Bool, service: String, fidelity: Fidelity
    ) {
        self.place = place
        self.text = text
        self.isEnabled = isEnabled
        (hosts, self.service) = Self.split(service)
        socketType = ""
        self.protocol = ""
        wait = ""
        user = ""
        server = ""
        arguments = []
        self.fidelity = fidelity
    }

    func check() throws(Problem) {
        let type = socketType.prefix { $0 != "," && $0 != ":" }
        guard ["stream", "dgram", "seqpacket", "raw", "rdm"].contains(type) else {
            throw Problem(message: "\"\(socketType.quotable)\" is no socket type: stream, dgram, seqpacket, raw or rdm")
        }
        guard !service.isEmpty else { throw Problem(message: "there is no service in front of its socket type") }
        guard server == "internal" || server.hasPrefix("/") else {
            throw Problem(message: "the program is \"\(server.quotable)\", neither internal nor an absolute path")
        }
    }

    /// `h1,h2:service`, `[::1]:service`, `*:service`; FreeBSD's `:user:group:mode:/path` has no host.
    static func split(_ text: String) -> (hosts: [String], service: String) {
        guard !text.hasPrefix(":"), !text.hasPrefix("/"), let colon = text.lastIndex(of: ":") else { return ([], text) }
        return (hosts(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    static func hosts(_ text: some StringProtocol) -> [String] {
        text.split(separator: ",").map { host in
            host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
        }
    }

    /// What inetd takes for the same service: a later one replaces this.
    var identity: String { "\(hosts.joined(separator: ",")) \(service) \(self.protocol.prefix { $0 != "," })" }

    var directive: String { text }
}
