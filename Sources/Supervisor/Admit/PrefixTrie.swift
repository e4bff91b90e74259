internal import ServiceTable

/// Prefixes of two lists, and how long the longest is in each that an address has: pure.
///
/// Paths without a branch are one step (a Patricia trie): at most two nodes for each prefix, and an answer takes no more
/// steps than prefixes are nested, at most as many as the address has bits.
struct PrefixTrie {
    private var nodes = Self.roots
    /// What an empty trie is, in memory once for all of them.
    private static let roots = [Node(AddressBlock(isIPv4: true)), Node(AddressBlock(isIPv4: false))]

    /// Of each family the root: the two have no prefix in common.
    private static let (rootOfFour, rootOfSix) = (0, 1)

    private struct Node {
        let block: AddressBlock
        /// Where the bit behind the block leads; 0 is nowhere, for no node leads back to a root.
        var zero: Int32 = 0
        var one: Int32 = 0
        var lists = Lists()

        init(_ block: AddressBlock) { self.block = block }

        subscript(isOne: Bool) -> Int {
            get { Int(isOne ? one : zero) }
            set { if isOne { one = Int32(newValue) } else { zero = Int32(newValue) } }
        }
    }

    struct Lists: OptionSet {
        let rawValue: UInt8
        static let onlyFrom = Lists(rawValue: 1)
        static let noAccess = Lists(rawValue: 2)
    }

    /// Nil: no prefix in the list has it.
    struct Longest: Equatable {
        var onlyFrom: Int?
        var noAccess: Int?
    }

    /// What the trie takes.
    var nodeCount: Int { nodes.count }

    mutating func insert(_ block: AddressBlock, into list: Lists) {
        let node = node(for: block)
        nodes[node].lists.formUnion(list)
    }

    /// The node of exactly this block, made where there is none.
    private mutating func node(for block: AddressBlock) -> Int {
        var node = block.isIPv4 ? Self.rootOfFour : Self.rootOfSix
        while nodes[node].block.length < block.length {
            let bit = block.bit(nodes[node].block.length)
            let next = nodes[node][bit]
            guard next != 0 else {
                nodes[node][bit] = append(block)
                return nodes[node][bit]
            }
            let other = nodes[next].block
            let common = block.lengthInCommon(with: other)
            if common < other.length {
                // The path branches off between two nodes, or ends there.
                let branch = append(block.widened(to: common))
                nodes[branch][other.bit(common)] = next
                nodes[node][bit] = branch
            }
            node = nodes[node][bit]
        }
        return node
    }

    private mutating func append(_ block: AddressBlock) -> Int {
        nodes.append(Node(block))
        return nodes.count - 1
    }

    /// - Parameter address: Of full length.
    func longest(for address: AddressBlock) -> Longest {
        var longest = Longest()
        var node = address.isIPv4 ? Self.rootOfFour : Self.rootOfSix
        while true {
            let block = nodes[node].block
            guard address.widened(to: block.length) == block else { return longest }
            if nodes[node].lists.contains(.onlyFrom) { longest.onlyFrom = block.length }
            if nodes[node].lists.contains(.noAccess) { longest.noAccess = block.length }
            guard block.length < address.length else { return longest }
            node = nodes[node][address.bit(block.length)]
            guard node != 0 else { return longest }
        }
    }
}

extension AddressBlock {
    /// Every address of a family.
    fileprivate init(isIPv4: Bool) { self.init(isIPv4: isIPv4, high: 0, low: 0, length: 0) }

    /// How many bits at the beginning of both prefixes are the same; of one family.
    fileprivate func lengthInCommon(with other: AddressBlock) -> Int {
        let high = (high ^ other.high).leadingZeroBitCount
        let same = high < 64 ? high : 64 + (low ^ other.low).leadingZeroBitCount
        return min(same, length, other.length)
    }

    /// Bit 0 is the first in network order.
    func bit(_ number: Int) -> Bool {
        number < 64 ? high >> UInt64(63 - number) & 1 == 1 : low >> UInt64(127 - number) & 1 == 1
    }

    /// The fewest blocks that cover the addresses from `first` to `last`, both of one family and full length.
    static func covering(from first: AddressBlock, to last: AddressBlock) -> [AddressBlock] {
        let width = first.width
        var blocks: [AddressBlock] = []
        // Numbers of `width` bits at the upper end of 128.
        var begin = UInt128(first.high) << 64 | UInt128(first.low)
        let end = UInt128(last.high) << 64 | UInt128(last.low)
        let unit = 128 - width
        while begin <= end {
            // As wide as its alignment and the end allow.
            var free = min(begin == 0 ? width : begin.trailingZeroBitCount - unit, width)
            // A shift by all bits gives 0.
            while free > 0, (end - begin) >> UInt128(unit) < ~(UInt128.max << UInt128(free)) { free -= 1 }
            blocks.append(
                AddressBlock(
                    isIPv4: first.isIPv4, high: UInt64(truncatingIfNeeded: begin >> 64),
                    low: UInt64(truncatingIfNeeded: begin), length: width - free))
            let (next, overflow) = begin.addingReportingOverflow(UInt128(1) << UInt128(free + unit))
            guard free < width, !overflow else { break }
            begin = next
        }
        return blocks
    }
}
