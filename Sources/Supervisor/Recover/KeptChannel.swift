internal import LinuxSystem
internal import SystemPackage

/// A channel that was kept, and what the kernel says of who registered over it. Whoever gave it to be kept may have been
/// anybody: it is taken for what it is, not for what it was called.
struct KeptChannel {
    let state: SavedChannel
    /// Of one that came by itself.
    var credentials: SavedCredentials?
    var process: SavedDescriptor?
}

extension Recovery {
    /// - Parameter came: Its handler came by itself.
    mutating func keptChannel(_ number: UInt64, came: Bool) -> KeptChannel? {
        guard let boxes = kept[number], let sign = boxes.last?.borrowed, Self.isChannel(boxes) else { return nil }
        var credentials: PeerCredentials?
        if came {
            guard let found = try? Socket.peerCredentials(of: sign) else { return nil }
            credentials = found
        }
        let process = came ? Socket.peerProcess(of: sign)?.release().release() : nil
        let isStream = !Socket.keepsPackets(sign)
        guard let parts = takeKept(number) else { return nil }
        var state = SavedChannel(descriptor: parts[0])
        if parts.count > 1 {
            state.lifeline = [SavedChannel(descriptor: parts[1], stream: isStream ? SavedChannel.Stream() : nil)]
        }
        return KeptChannel(
            state: state,
            credentials: credentials.map { SavedCredentials($0) },
            process: process.map { SavedDescriptor(FileDescriptor(rawValue: $0)) })
    }

    /// A socket of packets, or a pair of datagrams and the connection on which it was registered.
    private static func isChannel(_ boxes: [DescriptorBox]) -> Bool {
        let sockets = boxes.compactMap(\.borrowed)
        guard sockets.count == boxes.count else { return false }
        return switch sockets.count {
        case 1: Socket.isSequencedPacket(sockets[0])
        case 2: isPair(sockets[0]) && Socket.isUnix(sockets[1])
        default: false
        }
    }

    /// Of a handler that has died the end is told, too.
    private static func isPair(_ socket: FileDescriptor) -> Bool {
        Socket.isDatagramPair(socket) || Socket.isLeftOfDatagramPair(socket)
    }

    /// What the handlers of a service write their standard error to: the one that was made last.
    mutating func standardError(_ entries: [RosterLog]) -> SavedStandardError? {
        for entry in entries.sorted(by: { $0.number > $1.number }) where entry.number > 1 << 63 && entry.number < .max {
            guard let ends = kept[entry.number]?.compactMap(\.borrowed), ends.count == 2,
                ends.allSatisfy({ Socket.isUnix($0) && !Socket.keepsPackets($0) }), let parts = takeKept(entry.number)
            else { continue }
            return SavedStandardError(ours: parts[0], theirs: parts[1], kept: entry.number)
        }
        return nil
    }

    /// They are whoever's who adopts them.
    private mutating func takeKept(_ number: UInt64) -> [SavedDescriptor]? {
        kept.removeValue(forKey: number)?.compactMap { $0.take()?.release() }.map {
            SavedDescriptor(FileDescriptor(rawValue: $0))
        }
    }
}
