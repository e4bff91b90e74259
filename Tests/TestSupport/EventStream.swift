import Foundation

/// `events` of the control socket, written from docs/control.md alone.
package final class EventStream {
    private let socket: TestSocket
    private var rest: [UInt8] = []
    /// The first line.
    package private(set) var reply: [String: Any] = [:]

    package typealias Event = [String: Any]

    package init(_ supervisor: RunningSupervisor, _ params: [String: Any] = [:]) throws {
        socket = try TestSocket.unix(supervisor.runtimeDirectory + "/control.sock")
        let request = try JSONSerialization.data(withJSONObject: ["method": "events", "params": params, "id": 1])
        try socket.send(String(decoding: request, as: UTF8.self) + "\n")
        reply = try line()
        guard reply["result"] != nil else { throw TestFailure("events: \(reply)") }
    }

    /// The next event, waited for.
    package func next() throws -> Event { try line() }

    /// The next for which it holds.
    @discardableResult
    package func next(_ name: String, where holds: (Event) -> Bool = { _ in true }) throws -> Event {
        var seen: [Event] = []
        while true {
            let event = try line()
            if event["event"] as? String == name, holds(event) { return event }
            seen.append(event)
            guard seen.count < 5000 else { throw TestFailure("no event \(name), but: \(seen.suffix(20))") }
        }
    }

    /// Those up to the end, without its mark.
    package func past() throws -> [Event] {
        var events: [Event] = []
        while true {
            let event = try line()
            if event["event"] as? String == "end" { return events }
            events.append(event)
        }
    }

    /// Ends the connection, and waits until the supervisor has closed its end too.
    package func finish() throws {
        try socket.shutDown()
    }

    private func line() throws -> Event {
        while true {
            if let end = rest.firstIndex(of: 10) {
                let line = Data(rest[..<end])
                rest.removeFirst(end + 1)
                guard let object = try JSONSerialization.jsonObject(with: line) as? Event else {
                    throw TestFailure("no object: \(String(decoding: line, as: UTF8.self))")
                }
                return object
            }
            let more = try socket.receive()
            guard !more.isEmpty else { throw TestFailure("the stream of events ended") }
            rest += more
        }
    }
}
