internal import LinuxSystem
internal import SystemPackage

/// What a worker has its monitor hold, by number, so that it outlives the worker: channels of handlers and the like.
///
final class KeptDescriptors {
    private var kept: [UInt64: [DescriptorBox]] = [:]
    /// Those that the worker of now has not been given yet.
    private var toGive: [UInt64] = []

    private let most: Int

    /// - Parameter most: Numbers: more handlers than a supervisor can have.
    init(most: Int = 65_536) {
        self.most = most
    }

    func keep(_ descriptors: [DescriptorBox], _ number: UInt64) -> Errno? {
        if let refusal = refusal(of: descriptors, number) {
            Disposal.close(descriptors)
            return refusal
        }
        giveUp(number)
        kept[number] = descriptors
        return nil
    }

    private func refusal(of descriptors: [DescriptorBox], _ number: UInt64) -> Errno? {
        guard !descriptors.isEmpty, descriptors.allSatisfy({ $0.borrowed.map { Socket.isUnix($0) } ?? false }) else {
            return .notSocket
        }
        guard descriptors.count <= MonitorMessage.mostDescriptors else { return .invalidArgument }
        return kept.count < most || kept[number] != nil ? nil : .tooManyOpenFiles
    }

    func giveUp(_ number: UInt64) {
        Disposal.close(kept.removeValue(forKey: number) ?? [])
    }

    func giveUpAll() {
        Disposal.close(Array(kept.values.joined()))
        (kept, toGive) = ([:], [])
    }

    /// Who registered over a channel that was accepted at one of these sockets.
    func registrant(_ number: UInt64, at sockets: [DescriptorBox]) -> ProcessDescriptor? {
        guard let channel = kept[number]?.last?.borrowed,
            sockets.compactMap(\.borrowed).contains(where: { Socket.isAccepted(channel, at: $0) })
        else { return nil }
        return Socket.peerProcess(of: channel)
    }

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
