/// A service of the table, from socket units and the unit that they start.
struct SystemdDraft {
    private var sockets: [SystemdSocket]
    private var service: SystemdService
    private let accepts: Bool

    init(sockets: [SystemdSocket], service: SystemdService) {
        self.sockets = sockets
        self.service = service
        accepts = sockets.first?.accepts == true
        settleAddresses()
        settleUnits()
    }

    private var listeners: [UnitListener] { sockets.flatMap(\.listeners) }

    /// There is something to listen on and something to run.
    var isComplete: Bool { service.hasProgram && !listeners.isEmpty }

    /// Why it is not complete.
    var reason: String {
        service.hasProgram
            ? "its sockets listen on nothing that Baton has" : "it has no ExecStart= that can be read"
    }

    var directives: [Directive] { sockets.flatMap(\.report.directives) + service.report.directives }

    /// The service with its keys.
    func finish() -> DraftService {
        let first = sockets[0].unit
        let name = sockets.count == 1 ? first.name.stem : service.unit.name.stem
        let line = first.assignments.first { $0.key.hasPrefix("Listen") }?.place
        var draft = DraftService(name, at: line ?? SourcePlace(first.path, 0))
        draft.comments = comments
        listen(&draft)
        for key in service.keys { draft.set(key.name, key.value, at: key.place) }
        if !service.isInetd { draft["style"] = .word("systemd") }
        if accepts {
            limits(&draft)
        } else {
            draft["wait"] = .bool(true)
            triggerLimit(&draft)
        }
        return draft
    }

    /// What the units say they are.
    private var comments: [String] {
        var found: [String] = []
        for unit in sockets.map(\.unit) + [service.unit] {
            for assignment in unit.assignments
            where assignment.section == "Unit" && ["Description", "Documentation"].contains(assignment.key)
                && !assignment.value.isEmpty
            {
                let text = UnitSpecifiers(unit: unit.name, isPerConnection: accepts).resolve(assignment.value).text
                if !found.contains(text) { found.append(text) }
            }
        }
        return found
    }

    // MARK: the sockets

    private func listen(_ draft: inout DraftService) {
        guard sockets.count > 1 else {
            let socket = sockets[0]
            let entries = socket.listeners.map(entry)
            draft["listen"] = entries.count == 1 ? entries[0] : .list(entries)
            let pairs = socket.options.pairs(for: socket.listeners)
            if !pairs.isEmpty { draft["socket"] = .mapping(pairs) }
            return
        }
        // Options of one unit are not for the sockets of another.
        draft["listen"] = .list(
            sockets.flatMap { socket in
                socket.listeners.map { listener in
                    var pairs = [DraftPair("address", listener.value)]
                    if let name = listener.name { pairs.append(DraftPair("name", .text(name))) }
                    pairs += socket.options.pairs(for: [listener])
                    return pairs.count == 1 ? listener.value : .mapping(pairs)
                }
            })
    }

    /// Names are told to programs that take all sockets.
    private func entry(_ listener: UnitListener) -> DraftValue {
        guard let name = listener.name, !service.isInetd else { return listener.value }
        return .mapping([DraftPair("address", listener.value), DraftPair("name", .text(name))])
    }

    // MARK: limits

    private func limits(_ draft: inout DraftService) {
        let socket = sockets[0]
        draft["instances"] = .number(min(max(1, socket.maxConnections), 10_000_000))
        draft["on_limit"] = .word("refuse")
        if let most = socket.maxPerSource, most > 0 {
            draft["per_source"] = .number(min(most, 100_000_000))
            if listeners.contains(where: \.kind.isInternet) {
                draft["source_prefix"] = .pairs(("ipv6", .number(128)))
            }
        } else {
            draft["per_source"] = .word("unlimited")
        }
        if socket.poll.isGiven {
            draft["rate"] = socket.poll.rate(burst: 150)
        } else if socket.trigger.isGiven {
            draft["rate"] = socket.trigger.rate(burst: 200)
        }
        let lists = addressRules.lists()
        guard !addressRules.isEmpty, canCheckAddresses else { return }
        if let from = lists.onlyFrom { draft["only_from"] = .texts(from) }
        if !lists.noAccess.isEmpty { draft["no_access"] = .texts(lists.noAccess) }
    }

    private func triggerLimit(_ draft: inout DraftService) {
        let rates = sockets.flatMap { [$0.trigger, $0.poll] } + [service.startLimit]
        guard let given = rates.first(where: \.isGiven) else { return }
        draft["trigger_limit"] = given.triggerLimit(burst: 20)
    }

    private var addressRules: AddressRules {
        var rules = service.addresses
        for socket in sockets { rules.join(socket.addresses) }
        return rules
    }

    /// Who connects is known with a process per connection only.
    private var canCheckAddresses: Bool { accepts && listeners.allSatisfy { $0.kind == .tcp } }

    private mutating func settleAddresses() {
        guard !canCheckAddresses else { return }
        let reason = Fidelity.notExpressible(
            "a program that gets the listening socket itself must check for itself; use a firewall")
        for index in sockets.indices { sockets[index].noteAddresses(reason) }
        service.noteAddresses(reason)
    }

    /// Dependencies between the units of one service hold by themselves.
    private mutating func settleUnits() {
        let names = Set(sockets.map(\.unit.name.whole) + [service.unit.name.whole])
        for index in sockets.indices { sockets[index].settleUnit(partners: names) }
        service.settleUnit(partners: names)
    }
}
