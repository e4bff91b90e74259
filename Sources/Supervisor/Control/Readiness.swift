internal import LinuxSystem
internal import SystemPackage

/// Tells whoever started the supervisor that every listener has been tried.
enum Readiness {
    /// A newline on a descriptor (the convention of s6), and READY=1 to NOTIFY_SOCKET (sd_notify(3)).
    static func announce(descriptor: Int32?, environment: [String: String]) {
        if let descriptor {
            let file = OwnedDescriptor(adopting: descriptor)
            if file.borrowed.takesOutput { _ = file.borrowed.writeOnce([UInt8(ascii: "\n")], from: 0, to: 1) }
        }
        guard let name = environment["NOTIFY_SOCKET"], let address = SocketAddress(unixName: name),
            let socket = try? Socket.make(family: address.family, .datagram)
        else { return }
        try? Datagrams.send(Array("READY=1".utf8), to: address, on: socket.borrowed)
    /// The same for one line that must not wait, and may get lost.
    static func tell(_ line: String) {
        _ = try? FileDescriptor.standardError.writeNow(Array((line + "\n").utf8), from: 0)
    }

    }
}

extension SocketAddress {
    /// A path, or `@name` for the abstract namespace; nil for anything else.
    fileprivate init?(unixName name: String) {
        if name.hasPrefix("/") {
            self = .unix(path: name)
        } else if name.hasPrefix("@") {
            self = .abstract(name: String(name.dropFirst()))
        } else {
            return nil
        }
    }
}

/// What has to be said before there is a log, or when there is none.
enum StandardError {
    static func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        var written = 0
        while written < bytes.count {
            guard let count = FileDescriptor.standardError.writeOnce(bytes, from: written, to: bytes.count), count > 0
            else { return }
            written += count
        }
    }
}
