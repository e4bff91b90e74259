internal import ControlProtocol
internal import LinuxSystem

/// Serves `metrics.listen`: each connection gets a process, and that the metrics of the moment in a file.
final class MetricsDispatch {
    private let exec: ExecDispatch
    private let refuser: Refuser
    private let record: ServiceRecord
    private let runtime: Runtime
    /// Told when a connection left without a process.
    private let changed: () -> Void
    /// Connections whose metrics are being rendered.
    private var waiting: [UInt64: (connection: DescriptorBox, origin: ConnectionOrigin)] = [:]

    init(
        exec: ExecDispatch, refuser: Refuser, record: ServiceRecord, runtime: Runtime, changed: @escaping () -> Void
    ) {
        self.exec = exec
        self.refuser = refuser
        self.record = record
        self.runtime = runtime
        self.changed = changed
    }

    var count: Int { waiting.count }

    /// Takes a connection, which counts as active from now on.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        record.connections.active += 1
        waiting[origin.number] = (connection, origin)
        runtime.metrics.render { [weak self] page in self?.serve(origin.number, page) }
    }

    private func serve(_ number: UInt64, _ page: MetricsPage) {
        guard let (connection, origin) = waiting.removeValue(forKey: number) else { return }
        record.connections.active -= 1
        if let file = page.sealed() {
            exec.dispatch(connection, origin, beside: file)
        } else {
            refuser.refuse(connection, origin, .global, detail: "no memory or no descriptor for the metrics")
            changed()
        }
    }

    /// Nobody is waited for any more, for the supervisor stops now.
    func endAll() {
        let all = waiting.values
        waiting = [:]
        for (connection, origin) in all {
            record.connections.active -= 1
            refuser.refuse(connection, origin, .stopping)
        }
    }
}
