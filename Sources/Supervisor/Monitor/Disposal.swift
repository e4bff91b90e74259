internal import LinuxSystem
internal import SystemPackage

/// Closes what a worker has sent, or has had in its hands. It may be anything: a socket whose last close waits for as
/// long as somebody has set (SO_LINGER), or one in whose queue such sockets lie.
enum Disposal {
    /// A child that closes sockets does nothing but end, which waits for nobody.
    private static let patience = Duration.milliseconds(100)

    /// When it returns, sockets are closed, and their addresses free.
    static func close(_ descriptors: [DescriptorBox]) {
        let open = descriptors.filter { $0.borrowed != nil }
        let files = open.filter { !$0.isSocket }
        // Without a child now, they are closed with their boxes.
        if !files.isEmpty { _ = Spawn.closeInChild(files) }
        let sockets = open.filter(\.isSocket)
        guard !sockets.isEmpty, let child = Spawn.closeByExit(sockets, asSibling: false),
            let process = try? ProcessDescriptor(child: child)
        else { return }
        // Collected here, or with all others.
        if (try? Poll.wait(for: process.borrowed, .readable, within: patience)) == true { _ = ChildProcess.reap(child) }
    }
}

extension DescriptorBox {
    var isSocket: Bool { borrowed.map { Socket.isSocket($0) } ?? false }
}
