internal import LinuxSystem
internal import ServiceTable

/// What is known of a source's name.
enum SourceName: Equatable {
    case notAsked
    /// It has none that has its address in turn.
    case none
    /// In lower case.
    case known(String)

    init(_ name: String?) { self = name.map { .known($0) } ?? .none }
}

/// `only_from` and `no_access`: pure.
///
/// The most exact match of both lists decides, and between equals `no_access`. A single address, or a host by its
/// addresses, is the most exact; then come `.domains`, the longer the more exact, for whoever names one means certain
/// hosts; then blocks by the length of their prefix. Without a match `only_from` refuses, if there is one.
struct SourceList {
    let onlyFrom: [Source]?
    let noAccess: [Source]
    private var trie = PrefixTrie()
    private var allowedDomains: [String] = []
    private var refusedDomains: [String] = []

    enum Answer: Equatable {
        case admitted, refused
        /// It depends on the source's name.
        case nameNeeded
    }

    init(onlyFrom: [Source]?, noAccess: [Source]) {
        self.onlyFrom = onlyFrom
        self.noAccess = noAccess
        build()
    }

    private mutating func build() {
        trie = PrefixTrie()
        allowedDomains = insert(onlyFrom ?? [], into: .onlyFrom)
        refusedDomains = insert(noAccess, into: .noAccess)
    }

    /// - Returns: The domains among the sources.
    private mutating func insert(_ sources: [Source], into list: PrefixTrie.Lists) -> [String] {
        var domains: [String] = []
        for source in sources {
            switch source {
            case .block(let block): trie.insert(block, into: list)
            case .range(let first, let last):
                for block in AddressBlock.covering(from: first, to: last) { trie.insert(block, into: list) }
            case .host(_, let addresses): for address in addresses { trie.insert(address, into: list) }
            case .domain(let domain): domains.append(domain)
            }
        }
        return domains
    }

    /// The hosts whose addresses may change.
    var hosts: Set<String> {
        if onlyFrom == nil, noAccess.isEmpty { return [] }
        return Set(((onlyFrom ?? []) + noAccess).compactMap { if case .host(let name, _) = $0 { name } else { nil } })
    }

    /// What a host stands for here.
    func addresses(of host: String) -> [AddressBlock] {
        for source in (onlyFrom ?? []) + noAccess {
            if case .host(host, let addresses) = source { return addresses }
        }
        return []
    }

    /// The same lists; hosts that were not found this time keep what they stood for in `old`.
    func keepingAddresses(of old: SourceList) -> SourceList {
        func known(_ source: Source) -> Source {
            if case .host(let host, []) = source { .host(host, old.addresses(of: host)) } else { source }
        }
        guard !hosts.isEmpty else { return self }
        return SourceList(onlyFrom: onlyFrom?.map(known), noAccess: noAccess.map(known))
    }

    /// The same lists with what `host` stands for now.
    func replacing(_ host: String, by addresses: [AddressBlock]) -> SourceList {
        func replaced(_ source: Source) -> Source {
            if case .host(host, _) = source { .host(host, addresses) } else { source }
        }
        return SourceList(onlyFrom: onlyFrom?.map(replaced), noAccess: noAccess.map(replaced))
    }

    /// - Parameter address: Of full length.
    func answer(for address: AddressBlock, name: SourceName) -> Answer {
        if onlyFrom == nil, noAccess.isEmpty { return .admitted }
        let longest = trie.longest(for: address)
        let known = name == .notAsked ? .none : name
        let allowed = rank(longest.onlyFrom, allowedDomains, known, width: address.width)
        let refused = rank(longest.noAccess, refusedDomains, known, width: address.width)
        let isAdmitted = allowed.map { $0 > refused ?? -1 } ?? (onlyFrom == nil && refused == nil)
        let isExact = [longest.onlyFrom, longest.noAccess].contains(address.width)
        // Only a name that can turn the answer is asked for, so that the refused cost no look-up where they need none.
        if name == .notAsked, !isExact, !(isAdmitted ? refusedDomains : allowedDomains).isEmpty { return .nameNeeded }
        return isAdmitted ? .admitted : .refused
    }

    /// How exact the best match is; nil without any.
    private func rank(_ length: Int?, _ domains: [String], _ name: SourceName, width: Int) -> Int? {
        let (longestBlock, longestDomain) = (128, 1 << 10)
        if length == width { return longestBlock + longestDomain }
        if case .known(let name) = name,
            let domain = domains.filter({ $0.isSuffix(of: name) }).map(\.utf8.count).max()
        {
            return longestBlock + min(domain, longestDomain - 1)
        }
        return length
    }
}

extension String {
    /// Byte by byte: what looks the same to people, or to Unicode, is another domain.
    fileprivate func isSuffix(of name: String) -> Bool {
        name.utf8.count >= utf8.count && name.utf8.suffix(utf8.count).elementsEqual(utf8)
    }
}
