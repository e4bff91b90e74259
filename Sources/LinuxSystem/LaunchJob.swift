package import SystemPackage

/// What the supervisor asks of its launcher: a message on their seqpacket channel, with descriptors.
///
///     kind, number (low word, high word), permit, and for a spawn the plan's image, for a close whether there is a gate
package enum LaunchJob {
    /// The message's beginning.
    static let headerBytes = 16
    /// The longest message.
    package static let mostBytes = headerBytes + SpawnLimit.mostBytes
    /// The most descriptors that go with a job.
    package static let mostDescriptors = DescriptorPassing.mostDescriptors
    /// Spawns that are on their way to their program at a time: enough to keep two cores busy.
    package static let mostUnderWay = 8
    /// For SO_SNDBUF of both ends: room for the longest message. The kernel doubles it.
    package static let sendBuffer = 256 * 1024

    private static let spawnKind: UInt32 = 1
    private static let closeKind: UInt32 = 2
    private static let launcherKind: UInt32 = 3
    private static let newLauncherKind: UInt32 = 4

    /// What another launcher is to run.
    package enum LauncherProgram: Hashable, Sendable {
        /// The program of the one that is asked, whatever has become of its file.
        case same
        /// What stands on disk in its place.
        case onDisk
    }

    /// Fills `bytes` with the job to spawn `plan`; the passed descriptors go with the message.
    ///
    /// - Throws: E2BIG when the plan is over `SpawnLimit`, EINVAL when a string holds a NUL.
    package static func encode(spawn plan: SpawnPlan, number: UInt64, into bytes: inout [UInt8]) throws(Errno) {
        begin(spawnKind, number, permit: plan.permit, in: &bytes)
        try plan.encode(into: &bytes)
    }

    /// Fills `bytes` with the job to close the sockets that go with the message, and, if the last descriptor is a gate, not
    /// before nobody has the other end of that: then the sender has closed its copies.
    package static func encode(closeNumber number: UInt64, hasGate: Bool, into bytes: inout [UInt8]) {
        begin(closeKind, number, in: &bytes)
        bytes.append(word: hasGate ? 1 : 0)
    }

    /// Fills `bytes` with the job to start another launcher, guarded like the one that is asked, whose channel and page go
    /// with the message.
    package static func encode(
        launcher program: LauncherProgram, number: UInt64, into bytes: inout [UInt8]
    ) {
        begin(program == .same ? launcherKind : newLauncherKind, number, in: &bytes)
    }

    private static func begin(_ kind: UInt32, _ number: UInt64, permit: UInt32 = 0, in bytes: inout [UInt8]) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(word: kind)
        bytes.append(long: number)
        bytes.append(word: permit)
    }

    /// A job as the launcher reads it.
    package struct Received {
        package var number: UInt64
        /// Where a spawn's image begins in the message.
        package let imageStart = headerBytes
        package var task: Task

        package enum Task {
            case spawn(SpawnImage, permit: UInt32)
            case close(hasGate: Bool)
            case launcher(LauncherProgram)
            /// A spawn whose image makes no sense.
            case unreadable
        }
    }

    /// Reads the message that fills `bytes` up to `count`; nil when it is too short to have a number.
    package static func decode(_ bytes: [UInt8], count: Int) -> Received? {
        var reader = SpawnWordReader(bytes, from: 0, to: count)
        guard let kind = reader.word(), let number = reader.long() else { return nil }
        return Received(number: number, task: task(kind, permit: reader.word(), bytes, count: count))
    }

    private static func task(_ kind: UInt32, permit: UInt32?, _ bytes: [UInt8], count: Int) -> Received.Task {
        guard let permit else { return .unreadable }
        switch kind {
        case spawnKind:
            let image = SpawnImage(decoding: bytes, from: headerBytes, to: min(count, bytes.count))
            return image.map { .spawn($0, permit: permit) } ?? .unreadable
        case closeKind:
            var reader = SpawnWordReader(bytes, from: headerBytes, to: min(count, bytes.count))
            return reader.word().map { .close(hasGate: $0 != 0) } ?? .unreadable
        case launcherKind: return .launcher(.same)
        case newLauncherKind: return .launcher(.onDisk)
        default: return .unreadable
        }
    }
}
