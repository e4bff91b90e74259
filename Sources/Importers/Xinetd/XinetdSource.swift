internal import LinuxSystem

/// The notations of `only_from` and `no_access`.
enum XinetdSource {
    /// Why a value is none; xinetd disables the service then.
    struct Problem: Error {
        var message: String
    }

    /// The sources that one value stands for, as a table writes them.
    static func sources(_ text: String) throws(Problem) -> [String] {
        if text.contains("{") { return try factorized(text) }
        if text.contains(",") { throw Problem(message: "\(text.quotable) has a comma; blanks separate addresses") }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { return [try block(parts[0], parts[1], text)] }
        if let numbers = numbers(parts[0]) { return [wildcards(numbers)] }
        if IPv6Address(text) != nil { return [text] }
        let name = text.hasPrefix(".") ? text.dropFirst() : text[...]
        guard !name.isEmpty, name.utf8.count <= 253, name.utf8.allSatisfy(isNameByte) else {
            throw Problem(message: "\(text.quotable) is no address, network or host name")
        }
        return [text]
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e: true
        default: false
        }
    }

    /// One to four numbers up to 255.
    private static func numbers(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...4).contains(parts.count), parts.allSatisfy({ $0.isDecimal }) else { return nil }
        let numbers = parts.compactMap { UInt8($0) }
        return numbers.count == parts.count ? numbers : nil
    }

    /// Zeros at the end are wildcards, and so is what is missing.
    private static func wildcards(_ numbers: [UInt8]) -> String {
        let known = Array(numbers.reversed().drop { $0 == 0 }.reversed())
        let full = known + Array(repeating: 0, count: 4 - known.count)
        let address = full.map { "\($0)" }.joined(separator: ".")
        return known.count == 4 ? address : "\(address)/\(known.count * 8)"
    }

    /// `128.138.{2,3,4}`: the braces stand for the last number that is given.
    private static func factorized(_ text: String) throws(Problem) -> [String] {
        let problem = Problem(message: "\(text.quotable): braces hold the last numbers of an address, as in 10.1.{2,3}")
        guard let open = text.firstIndex(of: "{"), text.hasSuffix("}") else { throw problem }
        let start = text[..<open]
        var base: [UInt8] = []
        if !start.isEmpty {
            guard start.hasSuffix("."), let numbers = numbers(start.dropLast()) else { throw problem }
            base = numbers
        }
        let inside = text[text.index(after: open)...].dropLast()
        let lasts = inside.split(separator: ",", omittingEmptySubsequences: false).map { UInt8($0) }
        guard base.count < 4, !lasts.isEmpty, lasts.count <= 256 else { throw problem }
        var result: [String] = []
        for last in lasts {
            guard let last else { throw problem }
            result.append(wildcards(base + [last]))
        }
        return result
    }

    /// `ADDRESS/LENGTH` with the bits behind the prefix cleared; a longer length counts as the longest.
    private static func block(_ address: Substring, _ length: Substring, _ text: String) throws(Problem) -> String {
        let problem = Problem(message: "\(text.quotable) is no block of addresses")
        if let numbers = numbers(address) {
            let full = numbers + Array(repeating: 0, count: 4 - numbers.count)
            let bits = full.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard let count = prefixLength(length) else { throw problem }
            let masked = bits & (UInt32.max << UInt32(32 - count))
            let bytes = [24, 16, 8, 0].map { "\((masked >> UInt32($0)) & 0xff)" }
            return "\(bytes.joined(separator: "."))/\(count)"
        }
        guard let full = IPv6Address(address), length.isDecimal, let count = Int(length) else { throw problem }
        return "\(full.masked(to: min(count, 128)))/\(min(count, 128))"
    }

    /// A number, or a mask such as 255.255.0.0.
    private static func prefixLength(_ text: Substring) -> Int? {
        if text.isDecimal { return Int(text).map { min($0, 32) } }
        guard let mask = IPv4Address(text) else { return nil }
        let count = mask.bits.nonzeroBitCount
        return count == 0 || mask.bits == UInt32.max << UInt32(32 - count) ? count : nil
    }
}

extension IPv6Address {
    /// The address with all bits behind the first `length` cleared.
    fileprivate func masked(to length: Int) -> IPv6Address {
        func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : .max << UInt64(64 - bits) }
        return IPv6Address(high: high & mask(length), low: low & mask(length - 64))
    }
}
