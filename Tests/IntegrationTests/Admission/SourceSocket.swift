import Glibc
import TestSupport

extension TestSocket {
    /// A connection from an address of 127.0.0.0/8 of the test's choice.
    static func tcp(port: UInt16, from source: String) throws -> TestSocket {
        let socket = try TestSocket.bound(host: source)
        try socket.connect(to: SocketName(host: "127.0.0.1", port: port))
        return socket
    }

    static func udp(port: UInt16, from source: String) throws -> TestSocket {
        let socket = try TestSocket.bound(type: datagram, host: source)
        try socket.connect(to: SocketName(host: "127.0.0.1", port: port))
        return socket
    }

    /// Whether an echo service serves it.
    func isServed(_ text: String = "hello") throws -> Bool {
        do {
            try send(text)
            return try receive() == Array(text.utf8)
        } catch {
            // Reset: what was sent met a closed socket.
            return false
        }
    }

    /// How it ended: by a FIN or an RST, waited for.
    func end() throws -> End {
        do {
            return try receiveToEnd().isEmpty ? .closed : .spoke
        } catch  where errno == ECONNRESET {
            return .reset
        }
    }

    enum End {
        case closed, reset, spoke
    }
}
