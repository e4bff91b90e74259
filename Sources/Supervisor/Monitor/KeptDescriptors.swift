internal import LinuxSystem
internal import SystemPackage

/// What a worker has its monitor hold, by number, so that it outlives the worker: channels of handlers and the like.
///
/// What came from the worker, or lies unread in it, came from anybody: its close may wait, and a child does it.
final class KeptDescriptors {
    private var kept: [UInt64: [DescriptorBox]] = [:]
    /// Those that the worker of now has not been given yet.
    private var toGive: [UInt64] = []

    /// More handlers than a supervisor can have.
    private static let most = 65_536

    func keep(_ descriptors: [DescriptorBox], _ number: UInt64) -> Errno? {
        guard !descriptors.isEmpty, descriptors.allSatisfy({ $0.borrowed.map { Socket.isUnix($0) } ?? false }) else {
            letGo(descriptors)
            return .notSocket
        }
        guard kept.count < Self.most else {
            letGo(descriptors)
            return .tooManyOpenFiles
        }
        giveUp(number)
        kept[number] = descriptors
        return nil
    }

    func giveUp(_ number: UInt64) {
        letGo(kept.removeValue(forKey: number) ?? [])
    }

    func giveUpAll() {
        for number in Array(kept.keys) { giveUp(number) }
        toGive = []
    }

    func letGo(_ descriptors: [DescriptorBox]) {
        // Without a child now, they are closed with their boxes.
        if !descriptors.isEmpty { _ = Spawn.closeInChild(descriptors) }
    }

    /// The one that a handler's life hangs on.
    func sign(of number: UInt64) -> FileDescriptor? { kept[number]?.last?.borrowed }

    /// The worker is gone: the next one asks for all of them.
    func workerEnded() { toGive = Array(kept.keys) }

    /// One that the worker has not been given yet.
    func next() -> (number: UInt64, descriptors: [FileDescriptor])? {
        while let number = toGive.popLast() {
            if let descriptors = kept[number]?.compactMap(\.borrowed), !descriptors.isEmpty {
                return (number, descriptors)
            }
        }
        return nil
    }

    // MARK: Carried over

    var saved: [SavedKept] { kept.map { SavedKept(number: $0, descriptors: $1.compactMap(\.saved)) } }

    func resume(_ saved: [SavedKept]) {
        for each in saved { kept[each.number] = each.descriptors.map { $0.adoptBox() } }
    }
}
