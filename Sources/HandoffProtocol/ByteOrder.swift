// Integers as bytes without pointers. Shifting the *little-endian form* of a value yields its bytes in
// memory order on machines of either kind, which is what "host order" means.

extension [UInt8] {
    mutating func append<Integer: FixedWidthInteger & UnsignedInteger>(hostOrder value: Integer) {
        var rest = value.littleEndian
        for _ in 0..<MemoryLayout<Integer>.size {
            append(UInt8(truncatingIfNeeded: rest))
            rest &>>= 8
        }
    }

    mutating func append<Integer: FixedWidthInteger & UnsignedInteger>(networkOrder value: Integer) {
        append(hostOrder: value.bigEndian)
    }
}

extension MutableSpan<UInt8> {
    mutating func put<Integer: FixedWidthInteger & UnsignedInteger>(hostOrder value: Integer, at offset: Int) {
        var rest = value.littleEndian
        for index in 0..<MemoryLayout<Integer>.size {
            self[offset + index] = UInt8(truncatingIfNeeded: rest)
            rest &>>= 8
        }
    }
}

extension Span<UInt8> {
    /// The integer in host order at `offset`; the caller has checked that it is there.
    func integer<Integer: FixedWidthInteger & UnsignedInteger>(at offset: Int) -> Integer {
        var value: Integer = 0
        for index in 0..<MemoryLayout<Integer>.size {
            value |= Integer(truncatingIfNeeded: self[offset + index]) &<< Integer(truncatingIfNeeded: 8 * index)
        }
        return Integer(littleEndian: value)
    }

    /// The integer in network order at `offset`; the caller has checked that it is there.
    func networkInteger<Integer: FixedWidthInteger & UnsignedInteger>(at offset: Int) -> Integer {
        let value: Integer = integer(at: offset)
        return Integer(bigEndian: value)
    }

    func bytes(_ range: Range<Int>) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(range.count)
        for index in range { copy.append(self[index]) }
        return copy
    }
}
