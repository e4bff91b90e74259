internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// `batond metrics`: answers one HTTP request on descriptor 0 with the metrics that the supervisor has put into
/// descriptor 3. It has no rights, and no way to the supervisor.
package enum MetricsEndpoint {
    /// For the whole of a request's head, however slowly it comes.
    private static let requestTime = Duration.seconds(4)
    /// For the whole answer.
    private static let answerTime = Duration.seconds(4)
    /// For the client to have read the answer, when it has sent more than was read.
    private static let lingerTime = Duration.seconds(1)
    private static let mostLinger = 64 << 10
    private static let mostMetrics = 256 << 20
    private static let metrics = FileDescriptor(rawValue: 3)

    /// - Returns: The exit status. A client that misbehaves is no failure.
    package static func run() -> Int32 {
        SignalDescriptor.ignoreBrokenPipes()
        let connection = FileDescriptor.standardInput
        do throws(Errno) {
            try Socket.setNonblocking(connection, true)
            guard let request = try receive(on: connection) else { return 0 }
            let (seconds, nanoseconds) = Clock.wall()
            let now = Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds))
            let response = Response(to: request, at: now) { try? metrics.contents(most: mostMetrics) }
            if try send(response.bytes, on: connection) { try linger(on: connection) }
            return 0
        } catch {
            // The client is gone, or this was not started by a supervisor.
            return error == .connectionReset || error == .brokenPipe ? 0 : 1
        }
    }

    /// The request, or why it is none; nil when the client went without one.
    private static func receive(on connection: FileDescriptor) throws(Errno) -> Result<RequestHead, HTTPStatus>? {
        let deadline = Clock.now() + requestTime
        var reader = RequestReader()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let left = deadline - Clock.now()
            guard left > .zero else { return .failure(.timeout) }
            guard try Poll.wait(for: connection, .readable, within: left) else { continue }
            guard let count = try connection.readOnce(into: &buffer) else { continue }
            if count == 0 { return nil }
            do throws(HTTPStatus) {
                if let head = try reader.append(buffer[..<count]) { return .success(head) }
            } catch {
                return .failure(error)
            }
        }
    }

    /// False when the client has not taken all of it in time, or is gone.
    private static func send(_ bytes: [UInt8], on connection: FileDescriptor) throws(Errno) -> Bool {
        let deadline = Clock.now() + answerTime
        var written = 0
        while written < bytes.count {
            let left = deadline - Clock.now()
            guard left > .zero else { return false }
            guard let count = connection.writeOnce(bytes, from: written, to: bytes.count) else { return false }
            written += count
            if count == 0 { _ = try Poll.wait(for: connection, .writable, within: left) }
        }
        return true
    }

    /// Unread bytes would make the close a reset, which takes the answer away from the client.
    private static func linger(on connection: FileDescriptor) throws(Errno) {
        Socket.shutdown(connection, reading: false)
        let deadline = Clock.now() + lingerTime
        var buffer = [UInt8](repeating: 0, count: 4096)
        var taken = 0
        while taken < mostLinger {
            let left = deadline - Clock.now()
            guard left > .zero, try Poll.wait(for: connection, .readable, within: left) else { return }
            guard let count = try connection.readOnce(into: &buffer), count > 0 else { return }
            taken += count
        }
    }
}
