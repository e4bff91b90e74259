@testable import ControlProtocol
@testable import LinuxSystem
@testable import ServiceTable
@testable import Supervisor

/// What monitor and worker say to each other, and what a worker that has died leaves to the next one.
extension FuzzTarget {
    /// A message behind a byte that says which: a request, its answer, or news.
    static let monitor = FuzzTarget("monitor", longest: 2048) { bytes throws(Finding) in
        guard let kind = bytes.first else { return }
        let message = bytes.dropFirst()
        switch kind {
        case 0: try checkMessage(MonitorRequest.self, message) { $0.hasOneSpelling }
        case 1: try checkMessage(MonitorReply.self, message) { _ in true }
        // The status of an exit says nothing beside a signal, and a core file nothing beside an exit.
        case 2: try checkMessage(MonitorNews.self, message) { $0 == .table }
        default: break
        }
    }

    /// Nobody compares the bytes of messages. But where there are two spellings of a value, that is meant.
    private static func checkMessage<Value: Saved>(
        _ type: Value.Type, _ bytes: ArraySlice<UInt8>, hasOneSpelling: (Value) -> Bool
    ) throws(Finding) {
        guard let message: (value: Value, version: Int) = MonitorMessage.decode(bytes) else { return }
        let own = MonitorMessage.encode(message.value, version: message.version)
        if hasOneSpelling(message.value) { try hold(own == Array(bytes), "other bytes for \(message.value)") }
        for version in [message.version, SupervisorState.version] {
            let encoded = MonitorMessage.encode(message.value, version: version)
            guard let again: (value: Value, version: Int) = MonitorMessage.decode(encoded[...]) else {
                throw Finding(description: "what it writes cannot be read: \(message.value)")
            }
            try hold(again.version == version, "version \(again.version)")
            try hold(
                MonitorMessage.encode(again.value, version: version) == encoded, "another after a round trip: \(again)"
            )
        }
    }

    /// The memory of a roster, without what lies between its head and its entries: read, and composed into what the
    /// next supervisor goes on with.
    static let roster = FuzzTarget("roster", longest: 40 + 16 * 128) { bytes throws(Finding) in
        let gap = [UInt8](repeating: 0, count: 4096 - 40)
        let memory = bytes.count < 40 ? bytes : Array(bytes.prefix(40) + gap + bytes.dropFirst(40))
        guard let content = try? RosterContent(reading: memory) else { return }
        try checkContent(content, entries: (bytes.count - 40) / 128)
        var recovery = Recovery(
            rosterTable, content, kept: [:], listeners: [:], now: .seconds(1000), time: Timestamp(seconds: 5000)
        ) { pid, _ in pid % 7 != 0 }
        let outcome = recovery.outcome()
        try checkOutcome(outcome)
        // It crosses an upgrade as it is.
        for service in outcome.services {
            let bytes = MonitorMessage.encode(service)
            guard let again: (value: SavedService, version: Int) = MonitorMessage.decode(bytes[...]) else {
                throw Finding(description: "a state that cannot be read: \(service)")
            }
            try hold(MonitorMessage.encode(again.value) == bytes, "another state after a round trip")
        }
    }

    private static func checkContent(_ content: RosterContent, entries: Int) throws(Finding) {
        let count = content.handlers.count + content.connections.count + content.processes.count + content.logs.count
        try hold(count <= entries, "\(count) of \(entries) entries")
        for origin in content.connections.map(\.origin) + content.processes.map(\.origin) {
            for case .unix(let name)? in [origin.peer, origin.statedLocal] {
                // Of 16 bytes each may be none of UTF-8.
                try hold(name.utf8.count <= 48, "a name of \(name.utf8.count) bytes")
            }
        }
    }

    private static func checkOutcome(_ outcome: Recovery.Outcome) throws(Finding) {
        var numbers: [UInt64] = []
        var pids: [Int32] = []
        for service in outcome.services {
            try hold(service.record.counters.isBalanced, "counters that do not add up: \(service.record.counters)")
            let running = service.ways.exec?.running ?? []
            let waits = service.ways.waits + service.ways.formerWaits
            numbers += running.map(\.origin.number)
            pids += running.map(\.instance.pid) + waits.compactMap { $0.instance?.pid }
            for handler in service.ways.handoff?.handlers ?? [] {
                numbers += (handler.held + handler.unacknowledged).map(\.origin.number)
                if handler.instance != nil { pids.append(handler.pid) }
                let ids = (handler.ledger.taken + handler.ledger.waiting).map(\.id)
                try hold(Set(ids).count == ids.count, "an id twice: \(ids)")
                try hold(ids.allSatisfy { $0 > 0 && $0 <= handler.ledger.lastSent }, "not sent: \(ids)")
            }
        }
        try hold(Set(numbers).count == numbers.count && !numbers.contains(0), "numbers \(numbers)")
        try hold(Set(pids).count == pids.count && pids.allSatisfy { $0 > 1 }, "processes \(pids)")
        try hold(outcome.lastConnection >= numbers.max() ?? 0, "\(outcome.lastConnection) is not the last number")
    }

    /// Names stand in a roster as hashes: the seeds are of these.
    private static let rosterTable: ServiceTable = {
        let text = """
            services:
              wait: {listen: "127.0.0.1:1", exec: [/bin/cat], wait: true}
              exec: {listen: "127.0.0.1:2", exec: [/bin/cat], runtime_limit: 100s}
              web: {listen: "127.0.0.1:3", handoff: {exec: [/bin/true], pass_to: [web]}}
              own: {listen: "127.0.0.1:4", handoff: {register: {users: [root]}}}
            """
        return ServiceTableReader.read(text: Array(text.utf8), name: "t", resolving: false).table ?? ServiceTable()
    }()
}

extension MonitorRequest {
    /// Options of an endpoint may be written out where they are those of the blank one, and a time with two signs.
    fileprivate var hasOneSpelling: Bool {
        switch self {
        case .open, .change, .follow: false
        default: true
        }
    }
}
