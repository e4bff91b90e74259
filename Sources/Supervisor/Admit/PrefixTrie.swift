internal import ServiceTable

/// Prefixes of two lists, and how long the longest is in each that an address has: pure.
///
/// A look-up takes at most as many steps as the address has bits, however long the lists are.
struct PrefixTrie {
    private var nodes = [Node(), Node()]

    /// Of each family the root: the two have no prefix in common.
    private static let (rootOfFour, rootOfSix): (Int32, Int32) = (0, 1)

    private struct Node {
        /// Where the next bit leads; 0 is nowhere, for no node leads back to a root.
        var zero: Int32 = 0
        var one: Int32 = 0
        var lists = Lists()
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

    var isEmpty: Bool { nodes.count == 2 && nodes.allSatisfy { $0.lists.isEmpty } }

    mutating func insert(_ block: AddressBlock, into list: Lists) {
        var node = Int(block.isIPv4 ? Self.rootOfFour : Self.rootOfSix)
        for bit in 0..<block.length {
            let isOne = block.bit(bit)
            var next = isOne ? nodes[node].one : nodes[node].zero
            if next == 0 {
                next = Int32(nodes.count)
                nodes.append(Node())
                if isOne { nodes[node].one = next } else { nodes[node].zero = next }
            }
            node = Int(next)
        }
        nodes[node].lists.formUnion(list)
    }

    func longest(for address: AddressBlock) -> Longest {
        var longest = Longest()
        var node = Int(address.isIPv4 ? Self.rootOfFour : Self.rootOfSix)
        for length in 0...address.length {
            if nodes[node].lists.contains(.onlyFrom) { longest.onlyFrom = length }
            if nodes[node].lists.contains(.noAccess) { longest.noAccess = length }
            guard length < address.length else { break }
            let next = address.bit(length) ? nodes[node].one : nodes[node].zero
            guard next != 0 else { break }
            node = Int(next)
        }
        return longest
    }
}

extension AddressBlock {
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
