import Foundation

/// A client of `control.sock`, written from docs/control.md alone: one JSON object a line in each direction.
package final class ControlClient {
    private let socket: TestSocket

    package init(path: String) throws {
        socket = try TestSocket.unix(path)
    }

    /// The whole reply, as it came.
    package func exchange(line: String) throws -> [String: Any] {
        try socket.send(line + "\n")
        let reply = try socket.receiveBufferedLine()
        guard let object = try JSONSerialization.jsonObject(with: Data(reply.utf8)) as? [String: Any] else {
            throw TestFailure("the reply is no object: \(reply)")
        }
        return object
    }

    package func request(_ method: String, params: [String: Any] = [:]) throws -> [String: Any] {
        let request: [String: Any] = ["method": method, "params": params, "id": 1]
        let data = try JSONSerialization.data(withJSONObject: request)
        return try exchange(line: String(decoding: data, as: UTF8.self))
    }

    /// Sends a request; `answer` reads what comes.
    package func ask(_ method: String, params: [String: Any] = [:]) throws {
        let request: [String: Any] = ["method": method, "params": params, "id": 1]
        let data = try JSONSerialization.data(withJSONObject: request)
        try socket.send(String(decoding: data, as: UTF8.self) + "\n")
    }

    package func answer() throws -> [String: Any] {
        let line = try socket.receiveLine()
        return try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
    }

    /// Says that no request follows, and waits until the supervisor has closed its end: it holds nothing for us then.
    package func finish() throws {
        try socket.finishSending()
        _ = try socket.receiveToEnd()
    }

    /// The reply's `result`, or its error thrown.
    package func result(_ method: String, params: [String: Any] = [:]) throws -> Any {
        let reply = try request(method, params: params)
        guard let result = reply["result"] else { throw TestFailure("\(method): \(reply)") }
        return result
    }
}

extension TestSocket {
    /// A line as long as a reply may be, read in pieces: nothing follows it before the next request.
    fileprivate func receiveBufferedLine() throws -> String {
        var bytes: [UInt8] = []
        while bytes.last != UInt8(ascii: "\n") {
            let more = try receive()
            guard !more.isEmpty else {
                throw TestFailure("the connection ended within a reply: \(String(decoding: bytes, as: UTF8.self))")
            }
            bytes += more
        }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }
}
