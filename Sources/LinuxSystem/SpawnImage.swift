internal import CLinux
package import SystemPackage

/// A plan laid out for the kernel, in one block of bytes that also travels to the launcher as it is.
///
/// Numbers first, in words of 32 bits, low byte first, then strings, each with its NUL, where execve(2) takes
/// them from:
///
///     flags nice uid gid umask | counts: descriptors limits groups arguments environment
///     a word a descriptor | five words a limit | a word a group
///     [oom_score_adj] [capabilities low high] [count of CPU words, those words]
///     path directory [chroot] [cgroup] files… arguments… environment…
package struct SpawnImage {
    var plan = baton_spawn_plan()
    /// `.passed` ones by their index, not yet by their number.
    var descriptors: [baton_spawn_descriptor] = []
    var limits: [baton_spawn_limit] = []
    var groups: [UInt32] = []
    /// The CPUs' mask, 32 a word.
    var processors: [UInt32] = []
    /// Where arguments, then environment begin.
    var strings: [UInt32] = []

    /// The numbers before those of its descriptors.
    static let fixedBytes = 40
    /// What stands for the child's LISTEN_PID until it is born: room for any number.
    static let listenPIDName = "LISTEN_PID="
    static let listenPIDRoom = "0000000000"
}

extension SpawnImage {
    /// RLIMIT_NOFILE, unless the plan has said another.
    mutating func limitOpenFiles(to pair: ResourceLimits.Pair) {
        let number = ResourceLimits.openFilesNumber
        guard !limits.contains(where: { $0.resource == number }) else { return }
        limits.append(baton_spawn_limit(resource: number, soft: pair.soft, hard: pair.hard))
        plan.limit_count += 1
    }
}

/// The limits of an image.
package enum SpawnLimit {
    /// Numbers and strings of one plan.
    package static let mostBytes = 192 * 1024
    /// Descriptors that a child gets.
    package static let mostDescriptors = 1024
    package static let mostResourceLimits = 32
    /// CPUs are numbered below this.
    package static let mostProcessors = 4096
}

extension SpawnPlan {
    /// Appends the plan's image to `bytes`, which keep their room from one plan to the next.
    ///
    /// - Throws: E2BIG when it is larger than `SpawnLimit` allows, EINVAL when a string holds a NUL.
    package func encode(into bytes: inout [UInt8]) throws(Errno) {
        bytes.reserveCapacity(bytes.count + 256 + environment.bytes.count)
        guard descriptors.count <= SpawnLimit.mostDescriptors,
            resourceLimits.count <= SpawnLimit.mostResourceLimits,
            (identity?.groups.count ?? 0) <= SpawnLimit.mostBytes / 4
        else { throw .argListTooLong }
        let start = bytes.count
        appendNumbers(to: &bytes)
        try append(path, to: &bytes)
        try append(directory, to: &bytes)
        if let chroot { try append(chroot, to: &bytes) }
        if let cgroup { try append(cgroup, to: &bytes) }
        for case .file(let path) in descriptors { try append(path, to: &bytes) }
        for argument in arguments { try append(argument, to: &bytes) }
        guard !environment.isBroken else { throw .invalidArgument }
        bytes += environment.bytes
        if announcesListenPID { try append(SpawnImage.listenPIDName + SpawnImage.listenPIDRoom, to: &bytes) }
        guard bytes.count - start <= SpawnLimit.mostBytes else { throw .argListTooLong }
    }

    private func appendNumbers(to bytes: inout [UInt8]) {
        // The kernel keeps groups sorted; so a child that may not set them can compare.
        let groups = identity?.groups.sorted() ?? []
        bytes.append(word: flags)
        bytes.append(word: UInt32(bitPattern: nice ?? 0))
        bytes.append(word: identity?.uid ?? 0)
        bytes.append(word: identity?.gid ?? 0)
        bytes.append(word: umask)
        bytes.append(word: UInt32(descriptors.count))
        bytes.append(word: UInt32(resourceLimits.count))
        bytes.append(word: UInt32(groups.count))
        bytes.append(word: UInt32(clamping: arguments.count))
        bytes.append(word: UInt32(clamping: environment.count + (announcesListenPID ? 1 : 0)))
        for descriptor in descriptors {
            switch descriptor {
            // An index that is none finds nothing, as one past the end does.
            case .passed(let index):
                bytes.append(word: UInt32(Int32(exactly: index).flatMap { $0 < 0 ? nil : $0 } ?? .max))
            case .null: bytes.append(word: UInt32(bitPattern: BATON_SOURCE_NULL))
            case .file: bytes.append(word: UInt32(bitPattern: BATON_SOURCE_FILE))
            }
        }
        for limit in resourceLimits {
            bytes.append(word: UInt32(bitPattern: limit.resource))
            bytes.append(long: limit.soft)
            bytes.append(long: limit.hard)
        }
        for group in groups { bytes.append(word: group) }
        if let oomScoreAdjust { bytes.append(word: UInt32(bitPattern: oomScoreAdjust)) }
        if let capabilities { bytes.append(long: capabilities) }
        if !processors.isEmpty { appendProcessors(to: &bytes) }
    }

    private func appendProcessors(to bytes: inout [UInt8]) {
        let known = processors.filter { (0..<SpawnLimit.mostProcessors).contains($0) }
        var words = [UInt32](repeating: 0, count: ((known.max() ?? 0) / 32) + 1)
        for processor in known { words[processor / 32] |= 1 << UInt32(processor % 32) }
        bytes.append(word: UInt32(words.count))
        for word in words { bytes.append(word: word) }
    }

    private var flags: UInt32 {
        var flags: UInt32 = 0
        if nice != nil { flags |= BATON_SPAWN_NICE }
        if identity != nil { flags |= BATON_SPAWN_GROUPS }
        if identity?.uid != nil { flags |= BATON_SPAWN_USER }
        if chroot != nil { flags |= BATON_SPAWN_CHROOT }
        if announcesListenPID { flags |= BATON_SPAWN_LISTEN_PID }
        if cgroup != nil { flags |= BATON_SPAWN_CGROUP }
        if oomScoreAdjust != nil { flags |= BATON_SPAWN_OOM_SCORE_ADJUST }
        if !processors.isEmpty { flags |= BATON_SPAWN_CPU_AFFINITY }
        if capabilities != nil { flags |= BATON_SPAWN_CAPABILITIES }
        if noNewPrivileges { flags |= BATON_SPAWN_NO_NEW_PRIVILEGES }
        return flags
    }

    private func append(_ string: String, to bytes: inout [UInt8]) throws(Errno) {
        let start = bytes.count
        bytes.append(contentsOf: string.utf8)
        guard !bytes[start...].contains(0) else { throw .invalidArgument }
        bytes.append(0)
        guard bytes.count - start <= SpawnLimit.mostBytes else { throw .argListTooLong }
    }
}

extension SpawnImage {
    /// Reads the image that lies in `bytes` from `start` to `end`; nil when it is not one.
    package init?(decoding bytes: [UInt8], from start: Int, to end: Int) {
        guard end - start <= SpawnLimit.mostBytes else { return nil }
        var reader = SpawnWordReader(bytes, from: start, to: end)
        guard readNumbers(&reader), let path = reader.string(), let directory = reader.string() else { return nil }
        plan.path = path
        plan.directory = directory
        if plan.flags & BATON_SPAWN_CHROOT != 0 {
            guard let chroot = reader.string() else { return nil }
            plan.chroot = chroot
        }
        if plan.flags & BATON_SPAWN_CGROUP != 0 {
            guard let cgroup = reader.string() else { return nil }
            plan.cgroup = cgroup
        }
        for index in descriptors.indices where descriptors[index].source == BATON_SOURCE_FILE {
            guard let file = reader.string() else { return nil }
            descriptors[index].file = file
        }
        guard let strings = reader.strings(Int(plan.argument_count) + Int(plan.environment_count)), reader.isAtEnd
        else { return nil }
        self.strings = strings
        guard plan.flags & BATON_SPAWN_LISTEN_PID != 0 else { return }
        // Its room ends where the image does, and that is all the child may write to.
        guard plan.environment_count > 0, let last = strings.last else { return nil }
        plan.listen_pid = last + UInt32(Self.listenPIDName.utf8.count)
        guard Int(plan.listen_pid) + Self.listenPIDRoom.utf8.count + 1 == end else { return nil }
    }

    private mutating func readNumbers(_ reader: inout SpawnWordReader) -> Bool {
        guard let flags = reader.word(), let nice = reader.word(), let uid = reader.word(), let gid = reader.word(),
            let umask = reader.word(),
            let descriptorCount = reader.count(atMost: SpawnLimit.mostDescriptors),
            let limitCount = reader.count(atMost: SpawnLimit.mostResourceLimits),
            let groupCount = reader.count(atMost: SpawnLimit.mostBytes),
            let argumentCount = reader.count(atMost: SpawnLimit.mostBytes),
            let environmentCount = reader.count(atMost: SpawnLimit.mostBytes),
            let sources = reader.words(Int(descriptorCount))
        else { return false }
        plan.flags = flags & ~BATON_SPAWN_SIBLING
        plan.nice = Int32(bitPattern: nice)
        plan.uid = uid
        plan.gid = gid
        plan.umask = umask
        plan.descriptor_count = descriptorCount
        plan.limit_count = limitCount
        plan.group_count = groupCount
        plan.argument_count = argumentCount
        plan.environment_count = environmentCount
        descriptors = sources.map { baton_spawn_descriptor(source: Int32(bitPattern: $0), file: 0) }
        for _ in 0..<limitCount {
            guard let resource = reader.word(), let soft = reader.long(), let hard = reader.long() else { return false }
            limits.append(baton_spawn_limit(resource: Int32(bitPattern: resource), soft: soft, hard: hard))
        }
        guard let groups = reader.words(Int(groupCount)) else { return false }
        self.groups = groups
        return readSettings(&reader)
    }

    /// What is there only if its flag says so.
    private mutating func readSettings(_ reader: inout SpawnWordReader) -> Bool {
        if plan.flags & BATON_SPAWN_OOM_SCORE_ADJUST != 0 {
            guard let value = reader.word() else { return false }
            plan.oom_score_adjust = Int32(bitPattern: value)
        }
        if plan.flags & BATON_SPAWN_CAPABILITIES != 0 {
            guard let kept = reader.long() else { return false }
            plan.capabilities = kept
        }
        if plan.flags & BATON_SPAWN_CPU_AFFINITY != 0 {
            guard let count = reader.count(atMost: SpawnLimit.mostProcessors / 32),
                let words = reader.words(Int(count))
            else { return false }
            plan.processor_words = count
            processors = words
        }
        return true
    }
}
