/// What `defaults` brings to the services of a file, and how a service changes its lists.
struct Defaults {
    /// The mappings that apply, the more general first: the top file's, then the file's own.
    private(set) var layers: [Cursor] = []
    /// Values in all layers: what one service takes over.
    private(set) var size = 0

    /// Values that all services together may take over: a long default for many services is no small file.
    static let mostApplied = 1_000_000

    /// These and those of one file more, checked on their own: what is wrong in them is wrong once.
    func adding(_ cursor: Cursor?) -> Defaults {
        guard let cursor, !cursor.node.isBroken else { return self }
        guard let pairs = cursor.node.pairs else {
            cursor.unexpected("a mapping of service keys")
            return self
        }
        var scratch = ServiceDraft()
        for pair in pairs { check(pair, in: cursor, &scratch) }
        var more = self
        more.layers.append(cursor)
        more.size += cursor.node.size
        return more
    }

    private func check(_ pair: YAMLPair, in cursor: Cursor, _ scratch: inout ServiceDraft) {
        if ServiceDraft.ownKeys.contains(pair.key) {
            cursor.at(keyOf: pair).fault("it belongs to one service and cannot stand in defaults")
        } else if let key = ServiceDraft.section[pair.key] {
            _ = key.read(cursor.at(pair), &scratch)
        } else if let (_, name) = ListChange.parse(pair.key), ServiceDraft.section[name] != nil {
            cursor.at(keyOf: pair).fault("+ and - stand in services only; write \(name)")
        } else {
            ServiceDraft.section.unknown(pair, in: cursor)
        }
    }

    /// Reads what applies into `draft`.
    func apply(to draft: inout ServiceDraft, _ given: inout Given) {
        for layer in layers {
            for pair in layer.node.pairs ?? [] where !ServiceDraft.ownKeys.contains(pair.key) {
                guard let key = ServiceDraft.section[pair.key] else { continue }
                given.note(key.name, layer.at(pair), sound: key.read(layer.at(pair), &draft))
            }
        }
    }

    /// All mappings that stand under `key`, the more general first.
    func values(of key: String) -> [Cursor] {
        layers.compactMap { layer in layer.node.pairs?.first { $0.key == key }.map { layer.at($0) } }
    }
}

/// `+key` and `-key` of a service.
enum ListChange {
    case add, remove

    static func parse(_ key: String) -> (change: ListChange, name: String)? {
        switch key.first {
        case "+": (.add, String(key.dropFirst()))
        case "-": (.remove, String(key.dropFirst()))
        default: nil
        }
    }

    /// The pairs of a service with its changes carried out: each changed list becomes one `key: […]`.
    static func resolve(_ cursor: Cursor, _ pairs: [YAMLPair], defaults: Defaults) -> [YAMLPair] {
        guard pairs.contains(where: { parse($0.key) != nil }) else { return pairs }
        var result = pairs.filter { parse($0.key) == nil || ServiceDraft.section[$0.key] != nil }
        let own = Set(result.map(\.key))
        var changed: [String: YAMLPair] = [:]
        var order: [String] = []
        // What is removed leaves the default, not what the same service adds.
        let changes = pairs.compactMap { pair in parse(pair.key).map { (pair: pair, change: $0.change, name: $0.name) }
        }
        for wanted in [ListChange.remove, .add] {
            for (pair, change, name) in changes where change == wanted {
                let place = cursor.at(keyOf: pair)
                guard let key = ServiceDraft.section[name] else {
                    ServiceDraft.section.unknown(YAMLPair(key: name, place: pair.place, value: pair.value), in: cursor)
                    continue
                }
                if !key.isList || ServiceDraft.ownKeys.contains(name) {
                    place.fault("+ and - are for lists of defaults; \(name) is none")
                } else if own.contains(name) {
                    place.fault("\(name) stands beside it: either replace the default or change it")
                } else if case .list(let elements) = pair.value.content {
                    var list = changed[name] ?? base(name, pair, defaults)
                    apply(change, elements, to: &list, at: cursor.at(pair))
                    if changed.updateValue(list, forKey: name) == nil { order.append(name) }
                } else if !pair.value.isBroken {
                    cursor.at(pair).unexpected("a list")
                }
            }
        }
        result += order.compactMap { changed[$0] }
        return result
    }

    private static func base(_ name: String, _ pair: YAMLPair, _ defaults: Defaults) -> YAMLPair {
        let standard = defaults.values(of: name).last?.node ?? YAMLNode(place: pair.value.place, content: .list([]))
        return YAMLPair(key: name, place: pair.place, value: standard)
    }

    private static func apply(_ change: ListChange, _ elements: [YAMLNode], to pair: inout YAMLPair, at cursor: Cursor)
    {
        guard case .list(var list) = pair.value.content else {
            if !pair.value.isBroken { cursor.fault("the default is \(pair.value.form) and no list") }
            return
        }
        let elements = elements.filter { !$0.isBroken }
        switch change {
        case .add:
            list += elements
        case .remove:
            let present = Set(list.map(\.text))
            for element in elements where element.text == nil || !present.contains(element.text) {
                cursor.at(element).fault("\(element.form) is not in the default")
            }
            let removed = Set(elements.map(\.text))
            list.removeAll { removed.contains($0.text) }
        }
        pair.value.content = .list(list)
    }
}
