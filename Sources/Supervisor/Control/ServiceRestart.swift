internal import ControlProtocol
internal import ServiceTable

/// One request to restart services: answered when the last of them has.
final class ServiceRestart {
    private var waiting: Int
    private var restarted: [JSON] = []
    private var notes: [JSON] = []
    private var failures: [String] = []
    private let answer: (Result<JSON, ControlError>) -> Void

    private init(_ count: Int, _ answer: @escaping (Result<JSON, ControlError>) -> Void) {
        waiting = count
        self.answer = answer
    }

    /// - Parameter answer: Called once, when new handlers serve in place of all old ones, which may drain still.
    static func begin(_ services: [ActiveService], answer: @escaping (Result<JSON, ControlError>) -> Void) {
        let restart = ServiceRestart(services.count, answer)
        for service in services {
            let name = service.definition.name
            service.restart { restart.note($0, of: name) }
        }
    }

    private func note(_ result: RestartAnswer, of name: String) {
        switch result {
        case .restarted: restarted.append(.string(name))
        case .nothing(let why): notes.append(["service": .string(name), "note": .string(why)])
        case .failed(let why): failures.append("\(name): \(why)")
        }
        waiting -= 1
        guard waiting == 0 else { return }
        guard failures.isEmpty else {
            return answer(.failure(ControlError(.failed, failures.joined(separator: "; "))))
        }
        answer(.success(["restarted": .array(restarted), "notes": .array(notes)]))
    }
}
