internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Takes changed options over to a socket that stays bound, and with it everybody who waits there.
struct LiveSettings {
    private let socket: FileDescriptor
    /// What the kernel refuses, in words; there the socket keeps what it had.
    private var refused: [String] = []

    /// - Parameter address: What the socket is bound to.
    /// - Returns: What the kernel refuses, in words; there the socket keeps what it had.
    static func change(
        _ socket: FileDescriptor, from old: Endpoint, to new: Endpoint, at address: SocketAddress
    ) -> [String] {
        guard old.options != new.options else { return [] }
        var settings = LiveSettings(socket: socket)
        settings.setOptions(from: old, to: new, at: address)
        if old.options.backlog != new.options.backlog { settings.setBacklog(of: new) }
        if case .unix(let path) = address, !old.options.makesFile(like: new.options) {
            settings.attempt { _ throws(SocketBinding.Failure) in
                try UnixSocketFile.change(path: path, to: new.options)
            }
        }
        return settings.refused
    }

    private init(socket: FileDescriptor) {
        self.socket = socket
    }

    /// - Parameter change: Gets the socket.
    private mutating func attempt(_ change: (FileDescriptor) throws(SocketBinding.Failure) -> Void) {
        do {
            try change(socket)
        } catch {
            refused.append("\(error.step): \(error.error); it goes on as it was bound")
        }
    }

    private mutating func setOptions(from old: Endpoint, to new: Endpoint, at address: SocketAddress) {
        let before = SocketSetting.all(of: old, at: address)
        let after = SocketSetting.all(of: new, at: address)
        let gone = before.filter { setting in !after.contains { $0.name == setting.name } }
        undo(gone, new, address)
        // What is new, and what has to be set again because of it.
        let changes = gone + after.filter { !before.contains($0) }
        for setting in after
        where !before.contains(setting) || changes.contains(where: { $0.disturbs(setting) }) {
            attempt { socket throws(SocketBinding.Failure) in try setting.apply(to: socket) }
        }
    }

    private mutating func undo(_ settings: [SocketSetting], _ endpoint: Endpoint, _ address: SocketAddress) {
        guard !settings.isEmpty else { return }
        let fresh: DescriptorBox
        do throws(Errno) {
            fresh = DescriptorBox(try Socket.make(family: address.family, endpoint.kind.socketKind))
        } catch {
            return refused.append("socket: \(error); options that are gone from the table go on")
        }
        guard let like = fresh.borrowed else { return }
        for setting in settings {
            attempt { socket throws(SocketBinding.Failure) in try setting.undo(on: socket, like: like) }
        }
    }

    private mutating func setBacklog(of endpoint: Endpoint) {
        guard !endpoint.kind.isDatagram else { return }
        attempt { socket throws(SocketBinding.Failure) in
            try SocketBinding.step("backlog") { () throws(Errno) in
                try Socket.listen(socket, backlog: endpoint.options.backlog)
            }
        }
    }
}

extension SocketOptions {
    fileprivate func makesFile(like other: SocketOptions) -> Bool {
        mode == other.mode && owner == other.owner && group == other.group
    }
}
