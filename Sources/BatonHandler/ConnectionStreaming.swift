internal import LinuxSystem
internal import SystemPackage

/// Reading and writing for tasks: they wait, and no thread does.
extension Connection {
    /// Reads what is there, and waits until something is: the drained bytes first.
    ///
    /// - Returns: At most `count` bytes; none at the end of the stream.
    /// - Throws: `cancelled` when the task was while it waited.
    public func read(upTo count: Int = 16_384) async throws(HandlerError) -> [UInt8] {
        guard count > 0 else { return [] }
        let stored = takeUnread(upTo: count)
        guard stored.isEmpty else { return stored }
        return try await patiently("recv", .reading) { socket throws(Errno) in
            var buffer = [UInt8](repeating: 0, count: count)
            let received = try DescriptorPassing.receive(into: &buffer, room: 0, on: socket)
            buffer.removeLast(count - received.count)
            return buffer
        }
    }

    /// Reads a line. What comes behind it is kept for the next call.
    ///
    /// - Parameter limit: The most bytes; a longer line comes in parts.
    /// - Returns: The line with its newline, without it at the end of the stream or at the limit; nil when
    ///   the stream has ended.
    /// - Throws: `cancelled` when the task was while it waited; what had come of the line is read again then.
    public func readLine(limit: Int = 4096) async throws(HandlerError) -> [UInt8]? {
        var line: [UInt8] = []
        while line.count < limit {
            let part: [UInt8]
            do throws(HandlerError) {
                part = try await read(upTo: limit - line.count)
            } catch {
                unread(line)
                throw error
            }
            if part.isEmpty { break }
            if let newline = part.firstIndex(of: 0x0a) {
                unread(Array(part[(newline + 1)...]))
                return line + part[...newline]
            }
            line += part
        }
        return line.isEmpty ? nil : line
    }

    /// Writes all of it, and waits while there is no room.
    ///
    /// - Throws: `cancelled` when the task was while it waited; some of the bytes may be written then.
    public func write(_ bytes: [UInt8]) async throws(HandlerError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sending = Array(rest)
            rest = rest.dropFirst(
                try await patiently("send", .writing) { socket throws(Errno) in
                    try DescriptorPassing.send(sending, on: socket)
                })
        }
    }

    /// Writes the text as UTF-8.
    public func write(_ text: String) async throws(HandlerError) {
        try await write(Array(text.utf8))
    }

    /// Tries, and tries again whenever the socket is ready.
    private func patiently<Result: Sendable>(
        _ name: String, _ direction: ReadinessThread.Direction, _ call: (FileDescriptor) throws(Errno) -> Result
    ) async throws(HandlerError) -> Result {
        let socket = try beginUse()
        defer { endUse() }
        while true {
            do throws(Errno) {
                return try call(socket)
            } catch {
                guard error == .wouldBlock else { throw HandlerError(name, error) }
            }
            switch await ReadinessThread.shared.wait(for: direction, of: socket) {
            case .ready: continue
            case .cancelled: throw .cancelled
            case .failed(let error): throw error
            }
        }
    }
}
