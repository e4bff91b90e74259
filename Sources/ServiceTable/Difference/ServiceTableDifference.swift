/// What a new table changes in an old one: pure, and all that a reload goes by.
package struct ServiceTableDifference: Hashable, Sendable {
    /// Keys of the supervisor as a whole that differ.
    package var keys: [String]
    /// The services of the new table in its order, then those that only the old one has.
    package var services: [ServiceDifference]

    package init(from old: ServiceTable, to new: ServiceTable) {
        keys = old.changedKeys(to: new)
        let olds = Dictionary(old.services.map { ($0.name, $0) }) { first, _ in first }
        let names = Set(new.services.map { $0.name })
        services = new.services.map { ServiceDifference(from: olds[$0.name], to: $0) }
        services += old.services.filter { !names.contains($0.name) }.map { ServiceDifference(removing: $0) }
        var matching = ListenerMatching(olds, new.services)
        matching.match(&services)
    }

    /// Nothing is to be done.
    package var isEmpty: Bool { keys.isEmpty && services.allSatisfy { $0.kind == .unchanged } }

    package func services(_ kind: ServiceDifference.Kind) -> [ServiceDifference] {
        services.filter { $0.kind == kind }
    }
}

/// What a new table changes in one service.
package struct ServiceDifference: Hashable, Sendable {
    package var name: String
    package var kind: Kind
    /// By the table's own names; of a service that is in both tables.
    package var keys: [String] = []
    package var handlers = Handlers.kept
    /// For each endpoint of the new table that is to be bound, in order, the listener that goes on as it; nil: it is
    /// bound anew.
    package var origins: [ListenerPlace?] = []
    /// The places of the old listeners that nobody goes on with.
    package var closed: [Int] = []
    /// Both tables say the same, also of what names stand for: nothing is to be done.
    package private(set) var isSame = false

    package enum Kind: String, Hashable, Sendable {
        case added, removed, changed, unchanged
    }

    /// What becomes of the processes and connections that it has.
    package enum Handlers: String, Hashable, Sendable {
        /// They go on, by what the new table says where that is about what runs.
        case kept
        /// New ones are started in their place, and then they drain.
        case rolling
        /// They finish what they have, and what comes is served in another way.
        case draining
    }

    init(from old: Service?, to new: Service) {
        name = new.name
        guard let old else {
            kind = .added
            return
        }
        guard old != new else {
            kind = .unchanged
            isSame = true
            origins = new.boundEndpoints.indices.map { ListenerPlace(service: new.name, index: $0) }
            return
        }
        keys = old.changedKeys(to: new)
        kind = keys.isEmpty ? .unchanged : .changed
        handlers = new.handlers(after: old)
    }

    init(removing old: Service) {
        name = old.name
        kind = .removed
        handlers = .draining
    }
}

/// A listener of the old table.
package struct ListenerPlace: Hashable, Sendable {
    package var service: String
    /// Among the endpoints of the service.
    package var index: Int

    package init(service: String, index: Int) {
        self.service = service
        self.index = index
    }
}

extension Service {
    /// Those that are to be bound.
    package var boundEndpoints: [Endpoint] { enabled ? endpoints : [] }

    /// What serves the old one can be told to go by this one.
    package func continues(_ old: Service) -> Bool {
        enabled == old.enabled && wait == old.wait && dispatch.isLike(old.dispatch)
            && servesMetrics == old.servesMetrics
    }

    fileprivate func handlers(after old: Service) -> ServiceDifference.Handlers {
        // One that was switched off has none.
        guard old.enabled else { return .kept }
        guard continues(old) else { return .draining }
        guard let before = old.handoff?.program, let settings = handoff else { return .kept }
        guard let now = settings.program else { return .draining }
        return now == before && process.startsLike(old.process) ? .kept : .rolling
    }
}
