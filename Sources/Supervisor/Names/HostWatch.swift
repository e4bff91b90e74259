internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// Keeps what the host names of source lists stand for up to date while the supervisor runs.
///
/// A host that cannot be found keeps the addresses that it had: a name server that is away for a while must not lock
/// people out.
final class HostWatch {
    private let runtime: Runtime
    private let intakes: [Intake]
    private let hosts: [String]
    /// Never found so far.
    private var missing: Set<String>
    private var failures = 0

    private static let interval = Duration.seconds(300)
    /// While a host has not been found at all: a machine's name server may start after it.
    private static let sooner = Backoff(first: .seconds(2), longest: interval)

    /// Nil when no list names a host.
    init?(_ intakes: [Intake], runtime: Runtime) {
        let concerned = intakes.filter { !$0.hosts.isEmpty }
        guard !concerned.isEmpty else { return nil }
        self.runtime = runtime
        self.intakes = concerned
        hosts = Set(concerned.flatMap(\.hosts)).sorted()
        missing = Set(concerned.flatMap(\.unknownHosts))
        later()
    }

    private func later() {
        let delay = missing.isEmpty ? Self.interval : Self.sooner.delay(afterFailures: failures + 1)
        failures = missing.isEmpty ? 0 : failures + 1
        _ = runtime.loop.schedule(after: delay) { [weak self] in self?.look(from: 0) }
    }

    /// One after the other: this is in nobody's way.
    private func look(from index: Int) {
        guard hosts.indices.contains(index) else { return later() }
        let host = hosts[index]
        runtime.names.addresses(of: host) { [weak self] addresses in
            guard let self else { return }
            if let addresses {
                missing.remove(host)
                for intake in intakes where intake.hosts.contains(host) { intake.setAddresses(addresses, of: host) }
            } else if !missing.contains(host) {
                runtime.events.report(
                    .supervisor(.impaired(what: "host \(host)", error: "not found now; its old addresses count")))
            }
            look(from: index + 1)
        }
    }
}
