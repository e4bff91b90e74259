internal import LinuxSystem
internal import ServiceTable

/// `only_from` and `no_access` of one service.
struct SourceLists: Equatable {
    /// Nil: everyone.
    var onlyFrom: [String]?
    var noAccess: [String]

    /// More blocks than that are not weighed against each other: it takes time by their square.
    private static let mostBlocks = 1024

    private var isOpen: Bool { onlyFrom == nil && noAccess.isEmpty }

    /// Lists that admit whom both admit; nil when names stand in the way, whose addresses nobody knows yet.
    func and(_ other: SourceLists) -> SourceLists? {
        if other.isOpen || self == other { return self }
        if isOpen || other.onlyFrom == [] { return other }
        guard let mine = Decision(self), let others = Decision(other) else { return nil }
        let blocks = Set(mine.blocks + others.blocks + AddressBlock.everyone).sorted(by: AddressBlock.comesFirst)
        guard blocks.count <= Self.mostBlocks else { return nil }
        var lists = SourceLists(onlyFrom: [], noAccess: [])
        // Wider blocks come before those inside them, so the innermost open one is the parent.
        var open: [(block: AddressBlock, admits: Bool)] = []
        for block in blocks {
            let admits = mine.admits(block) && others.admits(block)
            while let last = open.last, !last.block.contains(block) { open.removeLast() }
            let outside = open.last?.admits ?? false
            if admits, !outside { lists.onlyFrom?.append(block.text) }
            if !admits, outside { lists.noAccess.append(block.text) }
            open.append((block, admits))
        }
        let everyone = AddressBlock.everyone.map(\.text)
        if everyone.allSatisfy({ lists.onlyFrom?.contains($0) == true }), lists.onlyFrom?.count == 2 {
            lists.onlyFrom = nil
        }
        return lists
    }

    private struct Decision {
        private var only: [AddressBlock]?
        private var no: [AddressBlock]

        var blocks: [AddressBlock] { (only ?? []) + no }

        init?(_ lists: SourceLists) {
            func read(_ texts: [String]) -> [AddressBlock]? {
                let blocks = texts.compactMap { AddressBlock($0) }
                return blocks.count == texts.count ? blocks : nil
            }
            guard let no = read(lists.noAccess) else { return nil }
            self.no = no
            guard let texts = lists.onlyFrom else { return }
            guard let only = read(texts) else { return nil }
            self.only = only
        }

        /// The most exact match decides; equal: refused.
        func admits(_ block: AddressBlock) -> Bool {
            let yes = only.map { $0.filter { $0.contains(block) }.map(\.length).max() ?? -1 } ?? 0
            let no = no.filter { $0.contains(block) }.map(\.length).max() ?? -1
            return only == nil ? no < 0 : yes > no
        }
    }
}

extension AddressBlock {
    /// An address or a block as a list has it; nil for names and ranges.
    fileprivate init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard let first = parts.first else { return nil }
        if let address = IPv4Address(first) {
            self.init(address, length: parts.count > 1 ? Int(parts[1]) ?? 32 : 32)
        } else if let address = IPv6Address(first) {
            self.init(address, length: parts.count > 1 ? Int(parts[1]) ?? 128 : 128)
        } else {
            return nil
        }
    }
}
