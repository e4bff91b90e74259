internal import CLinux
internal import Glibc
package import SystemPackage

/// The permits of guarded launchers, by number: a file in memory that its owner only adds to, and launchers only read.
///
///     an entry for each number: offset, length of a template | the templates
///
/// A number is a place among the entries, so none leads into the midst of a template, which is text of somebody else's.
package struct PermitBook: ~Copyable {
    private let file: OwnedDescriptor
    private let mostBytes: Int
    /// Permits in it; the number of the last.
    private var count: UInt32 = 0
    /// Where the next template goes.
    private var end = Self.firstTemplate
    /// Numbers by the hash of their template; of two that have the same, the first.
    private var known: [Int: UInt32] = [:]

    /// Numbers are below this.
    static let mostPermits: UInt32 = 1 << 19
    static let entryBytes = 8
    /// Memory is taken by what was written only.
    private static let firstTemplate = Int(mostPermits) * entryBytes

    /// - Parameter mostBytes: Of templates.
    package init(mostBytes: Int = 256 << 20) throws(Errno) {
        let file = OwnedDescriptor(adopting: try SystemCall.value { unsafe baton_sealable_file("baton-permits") })
        // Or whoever has a descriptor to read could open it anew, to write, by its name in /proc.
        try SystemCall.value { fchmod(file.rawValue, 0o400) }
        self.file = file
        self.mostBytes = mostBytes
    }

    /// Goes on with the book of a former program.
    package init(adopting file: consuming OwnedDescriptor, mostBytes: Int = 256 << 20) throws(Errno) {
        self.mostBytes = mostBytes
        self.file = file
        while count + 1 < Self.mostPermits, let template = try self.file.borrowed.template(count + 1) {
            count += 1
            end += template.count
            remember(template, count)
        }
    }

    /// The file, to be kept open for the program that goes on with it.
    package var borrowed: FileDescriptor { file.borrowed }

    /// The file for a launcher: nothing can be written through this descriptor.
    package func readOnly() throws(Errno) -> OwnedDescriptor {
        let path = "/proc/self/fd/\(file.rawValue)"
        return OwnedDescriptor(adopting: try SystemCall.value { unsafe open(path, O_RDONLY | O_CLOEXEC) })
    }

    /// The number under which `plan` may be started from now on, for good. The same template has the same number.
    ///
    /// - Throws: ENOSPC when the book is full, and what `SpawnPlan.encode` does.
    package mutating func add(_ plan: SpawnPlan) throws(Errno) -> UInt32 {
        let template = try SpawnPermit(plan).template
        if let number = known[template.hashValue], try file.borrowed.template(number) == template { return number }
        guard count + 1 < Self.mostPermits, end - Self.firstTemplate + template.count <= mostBytes else {
            throw .noSpace
        }
        var entry: [UInt8] = []
        entry.append(word: UInt32(end))
        entry.append(word: UInt32(template.count))
        try file.borrowed.write(template, at: end)
        try file.borrowed.write(entry, at: Int(count + 1) * Self.entryBytes)
        count += 1
        end += template.count
        remember(template, count)
        return count
    }

    private mutating func remember(_ template: [UInt8], _ number: UInt32) {
        let hash = template.hashValue
        if known[hash] == nil { known[hash] = number }
    }
}

/// A launcher's side of a `PermitBook`.
package struct Permits: ~Copyable {
    private let file: OwnedDescriptor
    private var kept: [UInt32: SpawnPermit] = [:]
    private var keptBytes = 0

    /// Of templates that are kept; then they are read again.
    private static let mostKept = 8 << 20

    package init(_ file: consuming OwnedDescriptor) {
        self.file = file
    }

    /// To be passed to another launcher.
    package var borrowed: FileDescriptor { file.borrowed }

    /// Whether `number` is a permit for the image that was read from `bytes` between `start` and `end`.
    package mutating func allow(
        _ image: SpawnImage, as number: UInt32, in bytes: [UInt8], from start: Int, to end: Int
    ) -> Bool {
        permit(number)?.allows(image, in: bytes, from: start, to: end) ?? false
    }

    private mutating func permit(_ number: UInt32) -> SpawnPermit? {
        if let permit = kept[number] { return permit }
        guard let template = (try? file.borrowed.template(number)) ?? nil,
            let permit = SpawnPermit(template: template)
        else { return nil }
        if keptBytes + template.count > Self.mostKept { (kept, keptBytes) = ([:], 0) }
        kept[number] = permit
        keptBytes += template.count
        return permit
    }
}

extension FileDescriptor {
    /// A template of the book; nil where there is none.
    fileprivate func template(_ number: UInt32) throws(Errno) -> [UInt8]? {
        guard number > 0, number < PermitBook.mostPermits else { return nil }
        let entry = try read(PermitBook.entryBytes, at: Int(number) * PermitBook.entryBytes)
        var reader = SpawnWordReader(entry, from: 0, to: entry.count)
        guard let offset = reader.word(), let length = reader.count(atMost: SpawnLimit.mostBytes), length > 0 else {
            return nil
        }
        let template = try read(Int(length), at: Int(offset))
        return template.count == length ? template : nil
    }

    /// Fewer bytes at the end of the file.
    private func read(_ length: Int, at offset: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: length)
        let count = try SystemCall.value {
            unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.pread(rawValue, $0.baseAddress, length, off_t(offset)) }
        }
        bytes.removeSubrange(count...)
        return bytes
    }

    fileprivate func write(_ bytes: [UInt8], at offset: Int) throws(Errno) {
        let count = try SystemCall.value {
            unsafe bytes.withUnsafeBytes { unsafe Glibc.pwrite(rawValue, $0.baseAddress, bytes.count, off_t(offset)) }
        }
        // Of a file in memory it takes all, unless memory is short.
        guard count == bytes.count else { throw .noSpace }
    }
}
