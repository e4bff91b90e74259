import Foundation
import TestSupport

/// What the log's tests share.
enum LogTable {
    /// At level debug: each connection has a line for its beginning and one for its end.
    static func text(_ log: String = "") -> String {
        """
        log: {level: debug, \(log)}
        services:
          echo: {listen: "127.0.0.1:0", internal: echo}
          complaint: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, "echo oh = no >&2"]}
        """
    }
}

extension RunningSupervisor {
    /// As many connections, each answered.
    func converse(_ count: Int) throws {
        let port = try port("echo")
        for _ in 0..<count {
            let client = try TestSocket.tcp(port: port)
            try client.send("x")
            _ = try client.receive(exactly: 1)
            client.close()
        }
    }

    /// A process that says something to its standard error.
    func complain() throws {
        _ = try TestSocket.tcp(port: port("complaint")).receiveToEnd()
    }
}

/// The lines of a JSON log, each an object; throws at the first that is none.
func jsonLines(_ text: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").map { line in
        guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
            throw TestFailure("no JSON object: \(line)")
        }
        return object
    }
}

/// A datagram socket of a test in the place of a log daemon's.
final class LogDaemon {
    private let path: String
    private var socket: TestSocket

    init(_ path: String) throws {
        self.path = path
        socket = try Self.bound(path)
    }

    private static func bound(_ path: String) throws -> TestSocket {
        let socket = try TestSocket(family: AF_UNIX, type: TestSocket.datagram)
        try socket.bind(to: SocketName(unix: path))
        return socket
    }

    func stop() {
        socket.close()
        unlink(path)
    }

    func start() throws {
        socket = try Self.bound(path)
    }

    /// Reads until a message satisfies `isLast`; all that came.
    func receive(until isLast: (String) -> Bool) throws -> [String] {
        var messages: [String] = []
        while true {
            let message = String(decoding: try socket.receive(), as: UTF8.self)
            messages.append(message)
            if isLast(message) { return messages }
        }
    }

    /// Whether a message comes in time that satisfies `isLast`.
    func hears(within seconds: Double, _ isLast: (String) -> Bool) throws -> Bool {
        let deadline = Deadline(seconds: seconds)
        while waitFor(POLLIN, on: socket.descriptor, until: deadline) {
            if isLast(String(decoding: try socket.receive(), as: UTF8.self)) { return true }
        }
        return false
    }
}
