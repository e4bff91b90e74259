internal import ServiceTable

/// A rule of a list in which the first match decides.
struct SourceRule: Sendable {
    var clients: HostList
    var grants: Bool
}

/// Source lists in which the most exact match decides as the first match of the rules does.
///
/// Blocks contain each other or share nothing, so the clients of a block that are in none of the smaller blocks all
/// fare alike: asking the rules once for each block says everything.
struct HostsDecision {
    private let rules: [SourceRule]
    private var blocks: [AddressBlock] = []
    /// Names, with the blocks beside which they stand.
    private var names: [(name: HostPattern, blocks: [AddressBlock])] = []
    /// Patterns of all kinds.
    private(set) var count = 0

    init(_ rules: [SourceRule]) {
        self.rules = rules
        var seen = Set(AddressBlock.everyone)
        for rule in rules {
            var beside: [AddressBlock] = []
            var mentioned: [HostPattern] = []
            var total = 0
            rule.clients.forEach { pattern, _ in
                total += 1
                switch pattern {
                case .block(let block): beside.append(block)
                case .host, .domain: mentioned.append(pattern)
                case .everyone, .file, .nobody, .other: break
                }
            }
            count += total
            seen.formUnion(beside)
            for name in mentioned { names.append((name, Array(beside.prefix(16)))) }
        }
        blocks = seen.sorted(by: AddressBlock.comesFirst)
    }

    /// Names and addresses both decide.
    var mixes: Bool { !names.isEmpty && blocks.count > AddressBlock.everyone.count }

    /// The first match decides; who matches nothing is let in.
    private func grants(_ block: AddressBlock, name: HostPattern? = nil) -> Bool {
        rules.first { $0.clients.matches(block, name: name) }?.grants ?? true
    }

    /// Everyone who gets in does so by the same rule.
    var admitsByOneRule: Bool {
        rules.count(where: \.grants) == 1
            && AddressBlock.everyone.allSatisfy { block in rules.contains { $0.clients.matches(block, name: nil) } }
    }

    /// The longest other name that this one ends in.
    private func closest(around name: HostPattern) -> HostPattern? {
        names.map(\.name).filter { $0 != name && $0.covers(name) }
            .max { ($0.nameText ?? "").utf8.count < ($1.nameText ?? "").utf8.count }
    }

    /// `only_from` (nil: everyone) and `no_access`.
    func lists() -> (onlyFrom: [String]?, noAccess: [String]) {
        var (admitted, refused): ([String], [String]) = ([], [])
        var around: [(block: AddressBlock, grants: Bool)] = []
        var isWhole = true
        for block in blocks {
            while let last = around.last, !last.block.contains(block) { around.removeLast() }
            let verdict = grants(block)
            if let outer = around.last {
                // What fares as the block around it need not be said.
                if verdict != outer.grants {
                    if verdict { admitted.append(block.text) } else { refused.append(block.text) }
                }
            } else if verdict {
                admitted.append(block.text)
            } else {
                isWhole = false
            }
            around.append((block, verdict))
        }
        for (name, beside) in names {
            guard let text = name.nameText else { continue }
            let around = closest(around: name)
            for block in AddressBlock.everyone + beside {
                let (with, without) = (grants(block, name: name), grants(block, name: around))
                if with == without { continue }
                if with, !admitted.contains(text) { admitted.append(text) }
                if !with, !refused.contains(text) { refused.append(text) }
                break
            }
        }
        // Without a list everyone gets in whom no_access does not name.
        let isEveryone = isWhole && admitted.count == AddressBlock.everyone.count
        return (isEveryone ? nil : admitted, refused)
    }
}
