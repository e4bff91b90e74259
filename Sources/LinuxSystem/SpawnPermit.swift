internal import CLinux
internal import Glibc
package import SystemPackage

/// What a guarded launcher starts when it is asked to under a permit's number: the image of a template, byte for byte.
///
/// Left open is what differs from one start to the next: descriptors that are passed or are /dev/null, LISTEN_PID, and
/// variables of `SpawnPermit.variables` behind those of the template. A file is opened only if the template names it.
package struct SpawnPermit: Hashable, Sendable {
    /// The template's image. Its descriptors are its files, each once.
    let template: [UInt8]
    // The parts of it that are compared, and the counts that go before them.
    private let numbers: Range<Int>
    private let paths: Range<Int>
    private let words: Range<Int>
    private let files: [Range<Int>]
    private let flags: UInt32
    private let environmentCount: UInt32
    /// Names of `variables` that the template does not say itself.
    private let free: Set<ArraySlice<UInt8>>

    /// - Throws: What `SpawnPlan.encode` does.
    package init(_ plan: SpawnPlan) throws(Errno) {
        var plan = plan
        plan.announcesListenPID = false
        plan.descriptors = plan.descriptors.files
        var template: [UInt8] = []
        try plan.encode(into: &template)
        guard let permit = SpawnPermit(template: template) else { throw .invalidArgument }
        self = permit
    }

    /// - Parameter template: The `template` of another; nil when it is none.
    init?(template: [UInt8]) {
        guard let image = SpawnImage(decoding: template, from: 0, to: template.count) else { return nil }
        self.template = template
        flags = image.plan.flags
        environmentCount = image.plan.environment_count
        let firstWord = image.strings.first.map { Int($0) } ?? template.count
        files = image.files.map { template.string(at: $0) }
        numbers = SpawnImage.numbers(template, in: image, from: 0)
        paths = Int(image.plan.path)..<(files.first?.lowerBound ?? firstWord)
        words = firstWord..<template.count
        let said = image.strings.dropFirst(Int(image.plan.argument_count)).compactMap { template.name(at: Int($0)) }
        free = Self.names.subtracting(said).union([Self.listenPID])
    }

    /// Whether the job may be started whose image was read from `bytes` between `start` and `end`.
    package func allows(_ image: SpawnImage, in bytes: [UInt8], from start: Int, to end: Int) -> Bool {
        var reader = SpawnWordReader(bytes, from: start, to: end)
        guard let flags = reader.word(), flags & ~BATON_SPAWN_LISTEN_PID == self.flags,
            has(Self.identity, bytes, at: start + Self.identity.lowerBound),
            has(Self.counts, bytes, at: start + Self.counts.lowerBound),
            image.plan.environment_count >= environmentCount
        else { return false }
        let numbers = SpawnImage.numbers(bytes, in: image, from: start)
        guard numbers.count == self.numbers.count, has(self.numbers, bytes, at: numbers.lowerBound),
            has(paths, bytes, at: Int(image.plan.path)),
            image.files.allSatisfy({ file in files.contains { has($0, bytes, at: file) } }),
            has(words, bytes, at: image.strings.first.map { Int($0) } ?? end)
        else { return false }
        // The words are those of the template, so these are the strings behind them.
        return image.strings.dropFirst(Int(image.plan.argument_count + environmentCount)).allSatisfy { place in
            bytes.name(at: Int(place)).map(free.contains) ?? false
        }
    }

    /// In an image: nice, uid, gid, umask.
    private static let identity = 4..<20
    /// Of limits, groups and arguments.
    private static let counts = 24..<36

    /// Whether `part` of the template stands in `bytes` at `place`.
    private func has(_ part: Range<Int>, _ bytes: [UInt8], at place: Int) -> Bool {
        guard part.count <= bytes.count - place else { return false }
        return unsafe template.withUnsafeBytes { template in
            unsafe bytes.withUnsafeBytes { bytes in
                guard let ours = template.baseAddress, let theirs = bytes.baseAddress else { return part.isEmpty }
                return unsafe memcmp(ours + part.lowerBound, theirs + place, part.count) == 0
            }
        }
    }
}

extension SpawnPermit {
    /// What may be said to a program of one start, whatever else it is given: none of them changes what it executes.
    package static let variables: Set<String> = [
        "BATON_LISTENER", "BATON_CONNECTION", "BATON_CHANNEL", "BATON_PROTOCOL", "PROTO", "TCPLOCALIP", "TCPLOCALPORT",
        "TCPREMOTEIP", "TCPREMOTEPORT", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "IPCREMOTEEUID", "IPCREMOTEEGID",
        "IPCREMOTEPATH", "IPCLOCALPATH", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC",
    ]

    private static let names = Set(variables.map { ArraySlice($0.utf8) })
    private static let listenPID = ArraySlice("LISTEN_PID".utf8)
    fileprivate static let longestName = variables.map(\.utf8.count).max() ?? 0
}

extension [SpawnPlan.DescriptorSource] {
    /// The files among them, each once.
    fileprivate var files: [SpawnPlan.DescriptorSource] {
        var files: [SpawnPlan.DescriptorSource] = []
        for case .file(let path) in self where !files.contains(.file(path)) { files.append(.file(path)) }
        return files
    }
}

extension SpawnImage {
    /// Where the paths of its files begin.
    fileprivate var files: [Int] {
        descriptors.compactMap { $0.source == BATON_SOURCE_FILE ? Int($0.file) : nil }
    }

    /// Where the numbers are that stand behind its descriptors: limits, groups, and what has a flag.
    fileprivate static func numbers(_ bytes: [UInt8], in image: SpawnImage, from start: Int) -> Range<Int> {
        start + fixedBytes + 4 * image.descriptors.count..<Int(image.plan.path)
    }
}

extension [UInt8] {
    /// A string of an image, with its NUL.
    fileprivate func string(at start: Int) -> Range<Int> {
        start..<(self[start...].firstIndex(of: 0).map { $0 + 1 } ?? count)
    }

    /// The name in `NAME=value`; nil when there is none, or one that is longer than any of `SpawnPermit.variables`.
    fileprivate func name(at start: Int) -> ArraySlice<UInt8>? {
        let most = Swift.min(count, start + SpawnPermit.longestName + 1)
        guard let end = self[start..<most].firstIndex(where: { $0 == UInt8(ascii: "=") || $0 == 0 }), self[end] != 0
        else { return nil }
        return self[start..<end]
    }
}
