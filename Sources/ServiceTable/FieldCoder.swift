/// What crosses from the loader to the supervisor: one list of fields serves both directions.
protocol Coded {
    /// A value to read into.
    init()
    /// Visits every field in order: written when the coder writes, replaced when it reads.
    mutating func code(with coder: inout FieldCoder)
}

/// Writes values to bytes, or reads them back: from one process to another, or from one program to the next.
///
/// Integers are little endian, 64 bits wide; a string is its length and its UTF-8. Reading is bounded by
/// the bytes at hand, whatever they claim. The first failure sticks: nothing more is read after it, and
/// fields keep what they had.
package struct FieldCoder {
    package private(set) var bytes: [UInt8]
    package private(set) var failure: Failure?
    package let writes: Bool
    /// Of what is written, or read. A field that came later than the first version is there `since` its own.
    package var version: Int
    /// Those that were named, in order: whoever hands the bytes on keeps them open.
    package private(set) var descriptors: [Int32] = []
    private var position = 0

    /// Why bytes are no table. Offsets count from the first byte.
    package enum Failure: Error, Hashable, Sendable {
        case wrongMagic
        case truncated(offset: Int)
        case badValue(offset: Int)
        case trailingBytes(offset: Int)
        /// It was written by a version that is newer, or older than any that is still read.
        case unknownVersion(Int)
    }

    package init(version: Int = 1) {
        bytes = []
        writes = true
        self.version = version
    }

    package init(reading bytes: [UInt8]) {
        self.bytes = bytes
        writes = false
        version = 0
    }

    /// Reading: everything was taken.
    package mutating func expectEnd() {
        if failure == nil, position < bytes.count { failure = .trailingBytes(offset: position) }
    }

    /// The value just read is none of its type.
    package mutating func reject() {
        if failure == nil { failure = .badValue(offset: position) }
    }

    mutating func value(_ value: inout some Coded) {
        value.code(with: &self)
    }

    /// Bytes that must stand here as they are.
    package mutating func magic(_ text: StaticString) {
        for byte in text.description.utf8 {
            var found = byte
            octet(&found)
            if found != byte || failure != nil { failure = .wrongMagic }
        }
    }

    package mutating func octet(_ value: inout UInt8) {
        if writes {
            bytes.append(value)
        } else if failure == nil {
            guard position < bytes.count else {
                failure = .truncated(offset: position)
                return
            }
            value = bytes[position]
            position += 1
        }
    }

    package mutating func integer<Number: FixedWidthInteger>(_ value: inout Number) {
        if writes { return append(UInt64(bitPattern: Int64(truncatingIfNeeded: value))) }
        let start = position
        guard let bits = nextWord() else { return }
        let number = Number.isSigned ? Number(exactly: Int64(bitPattern: bits)) : Number(exactly: bits)
        guard let number else {
            failure = .badValue(offset: start)
            return
        }
        value = number
    }

    private static let wordSize = 8

    private mutating func append(_ word: UInt64) {
        unsafe withUnsafeBytes(of: word.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    private mutating func nextWord() -> UInt64? {
        guard failure == nil else { return nil }
        guard bytes.count - position >= Self.wordSize else {
            failure = .truncated(offset: bytes.count)
            return nil
        }
        let start = position
        position += Self.wordSize
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        }
    }

    package mutating func text(_ value: inout String) {
        let start = position
        guard let count = count(value.utf8.count) else { return }
        if writes {
            bytes.append(contentsOf: value.utf8)
        } else if let text = String(validating: bytes[position..<position + count], as: UTF8.self) {
            value = text
            position += count
        } else {
            failure = .badValue(offset: start)
        }
    }

    mutating func array<Element: Coded>(_ value: inout [Element]) {
        list(&value, blank: Element()) { $0.code(with: &$1) }
    }

    mutating func optional<Wrapped: Coded>(_ value: inout Wrapped?) {
        maybe(&value, blank: Wrapped()) { $0.code(with: &$1) }
    }

    /// Whether it is what `previous` was, which it then shares with it, or the value.
    mutating func repeated<Value: Coded & Equatable>(_ value: inout Value, after previous: Value) {
        var isSame = false
        since(2) { coder in
            isSame = coder.writes && value == previous
            coder.flag(&isSame)
        }
        if isSame { value = previous } else { self.value(&value) }
    }

    /// A length, and so many elements.
    package mutating func list<Element>(
        _ value: inout [Element], blank: @autoclosure () -> Element, _ code: (inout Element, inout FieldCoder) -> Void
    ) {
        guard let count = count(value.count) else { return }
        if writes {
            for var element in value { code(&element, &self) }
        } else {
            value = []
            for _ in 0..<count where failure == nil {
                var element = blank()
                code(&element, &self)
                value.append(element)
            }
        }
    }

    /// Whether there is a value, and the value.
    package mutating func maybe<Wrapped>(
        _ value: inout Wrapped?, blank: @autoclosure () -> Wrapped, _ code: (inout Wrapped, inout FieldCoder) -> Void
    ) {
        var present = value != nil
        flag(&present)
        guard present, failure == nil else {
            if !writes, failure == nil { value = nil }
            return
        }
        var wrapped = value ?? blank()
        code(&wrapped, &self)
        value = wrapped
    }

    /// Bytes as they are.
    package mutating func data(_ value: inout [UInt8]) {
        guard let count = count(value.count) else { return }
        if writes {
            bytes += value
        } else {
            value = Array(bytes[position..<position + count])
            position += count
        }
    }

    /// The number of an open descriptor, or a negative one for none; the coder neither owns nor closes it.
    package mutating func descriptor(_ number: inout Int32) {
        integer(&number)
        if failure == nil, number >= 0 { descriptors.append(number) }
    }

    /// The number of the version, which stands first. What is read has to be of one in `known`.
    package mutating func version(known: ClosedRange<Int>) {
        var number = version
        integer(&number)
        version = number
        if failure == nil, !known.contains(number) { failure = .unknownVersion(number) }
    }

    /// What is there from version `first` on.
    package mutating func since(_ first: Int, _ code: (inout FieldCoder) -> Void) {
        if version >= first { code(&self) }
    }

    package mutating func flag(_ value: inout Bool) {
        var byte: UInt8 = value ? 1 : 0
        let start = position
        octet(&byte)
        guard byte <= 1 else {
            failure = .badValue(offset: start)
            return
        }
        value = byte == 1
    }

    /// Which case of an enumeration stands here: writes `number`, or makes `value` the case that was read.
    package mutating func choice<Value>(_ value: inout Value, number: Int, of blanks: [Value]) {
        var tag = UInt8(truncatingIfNeeded: number)
        let start = position
        octet(&tag)
        guard !writes, failure == nil else { return }
        guard Int(tag) < blanks.count else {
            failure = .badValue(offset: start)
            return
        }
        value = blanks[Int(tag)]
    }

    /// A length. No element is smaller than a byte, so more than is left cannot be true.
    private mutating func count(_ value: Int) -> Int? {
        var count = value
        integer(&count)
        guard !writes, failure == nil else { return failure == nil ? count : nil }
        guard count >= 0, count <= bytes.count - position else {
            failure = .truncated(offset: position)
            return nil
        }
        return count
    }
}
