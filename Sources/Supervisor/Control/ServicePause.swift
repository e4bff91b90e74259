internal import ControlProtocol
internal import ServiceTable

/// `pause` and `resume`: all of the services that are named, or none.
enum ServicePause {
    /// - Parameter all: Among them are those that may give connections to the ones that are paused.
    static func pause(_ services: [ActiveService], among all: [ActiveService]) throws(ControlError) -> JSON {
        for service in services {
            if let obstacle = service.obstacle(givers: givers(to: service, among: all)) {
                throw ControlError(.failed, "\(service.definition.name): \(obstacle)")
            }
        }
        var outcome = Outcome()
        for service in services {
            let isNews = service.pause()
            outcome.add(service, isNews ? nil : "it was paused already")
            for note in service.whatGoesOn(givers: givers(to: service, among: all)) where isNews {
                outcome.note(service, note)
            }
        }
        return outcome.json(verb: "paused")
    }

    static func resume(_ services: [ActiveService]) -> JSON {
        var outcome = Outcome()
        for service in services { outcome.add(service, service.resume() ? nil : "it was not paused") }
        return outcome.json(verb: "resumed")
    }

    /// Who gives connections to a service.
    private static func givers(to service: ActiveService, among all: [ActiveService]) -> [String] {
        let name = service.definition.name
        return all.filter {
            $0 !== service && $0.definition.gives(to: name, isMultiplexed: service.definition.tcpmux != nil)
        }
        .map(\.definition.name)
    }

    private struct Outcome {
        private var changed: [JSON] = []
        private var notes: [JSON] = []

        mutating func add(_ service: ActiveService, _ unchanged: String?) {
            if let unchanged { note(service, unchanged) } else { changed.append(.string(service.definition.name)) }
        }

        mutating func note(_ service: ActiveService, _ words: String) {
            notes.append(["service": .string(service.definition.name), "note": .string(words)])
        }

        func json(verb: String) -> JSON {
            .object(JSONObject([(verb, .array(changed)), ("notes", .array(notes))]))
        }
    }
}

extension ActiveService {
    /// Why it cannot be paused.
    fileprivate func obstacle(givers: [String]) -> String? {
        if !definition.enabled { return "it is disabled" }
        if isStopping { return "it is stopped, or about to be" }
        guard listeners.isEmpty else { return nil }
        let others = givers.isEmpty ? "" : "; its connections come from \(givers.joined(separator: ", "))"
        return "it has no listener that could leave the poll set\(others)"
    }

    /// - Returns: Whether it was not paused before.
    fileprivate func pause() -> Bool {
        guard pausedSince == nil else { return false }
        pausedSince = .now
        holdForPerson()
        record.report(.service(.paused))
        return true
    }

    /// Those that come while it is paused are held as well.
    func holdForPerson() {
        for listener in listeners { listener.hold(.person) }
    }

    /// - Returns: Whether it was paused.
    fileprivate func resume() -> Bool {
        guard pausedSince != nil else { return false }
        pausedSince = nil
        for listener in listeners { listener.release(.person) }
        record.report(.service(.resumed))
        return true
    }

    /// What a pause does not hold up.
    fileprivate func whatGoesOn(givers: [String]) -> [String] {
        var notes: [String] = []
        if dispatcher.waits.contains(where: { $0.count > 0 }) {
            notes.append("its handler has the socket, and goes on")
        }
        if !givers.isEmpty {
            notes.append("connections from \(givers.joined(separator: ", ")) still reach it")
        }
        return notes
    }
}

extension Service {
    /// Whether connections of this service may go to the service `name`.
    fileprivate func gives(to name: String, isMultiplexed: Bool) -> Bool {
        guard enabled else { return false }
        return switch dispatch {
        case .route(let route): route.standard == name || route.rules.contains { $0.target == name }
        case .handoff(let settings): settings.wrappedValue.passTo.contains(name)
        case .tcpmux: isMultiplexed
        case .exec, .internal, .redirect: false
        }
    }
}
