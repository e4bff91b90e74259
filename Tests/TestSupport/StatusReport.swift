import Foundation

/// `baton status --json`, as the contract fixes it: a missing field is an error, a further one is not.
package struct StatusReport: Decodable {
    package let version: String
    package let pid: pid_t
    package let uptime_seconds: Double
    package let table: String
    package let limits: Limits
    package let worker: Worker?
    package let services: [Service]

    package struct Limits: Decodable {
        package let open_files: UInt64
    }

    package struct Worker: Decodable {
        package let restarts: Int
    }

    package struct Service: Decodable {
        package let name: String
        package let dispatch: String
        package let state: String
        package let listeners: [Listener]
        package let connections: Connections
        package let handlers: [Handler]
    }

    package struct Listener: Decodable {
        package let name: String
        package let address: String
        package let `protocol`: String
        package let state: String
        package let error: String?
        package let retry_seconds: Double?

        /// The port of an internet or vsock address.
        package var port: UInt16? {
            address.lastIndex(of: ":").flatMap { UInt16(address[address.index(after: $0)...]) }
        }
    }

    package struct Connections: Decodable {
        package let active, accepted, queued: Int
        package let refused, dropped: [String: Int]
        package let spawned, handed_off, requeued, ended, cut, abandoned, lost: Int

        /// accepted = active + queued + refused + ended + cut + abandoned + lost
        package var isBalanced: Bool {
            accepted == active + queued + refused.values.reduce(0, +) + ended + cut + abandoned + lost
        }
    }

    package struct Handler: Decodable {
        package let id: String
        package let pid: pid_t
        package let kind: String
        package let state: String
        package let capacity: Int
        package let held, unacknowledged, served: Int
        package let started: String
        package let last_sign_of_life_seconds: Double
        package let status: String?
    }

    package func service(_ name: String) throws -> Service {
        guard let service = services.first(where: { $0.name == name }) else {
            throw TestFailure("status has no service \(name): \(services.map(\.name))")
        }
        return service
    }
}
