internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Whose table it is.
protocol ReloadTarget: AnyObject {
    /// Why the supervisor cannot take any table now; nil when it can.
    var refusesTables: String? { get }
    /// What keeps `table` from being taken over while the supervisor runs.
    func faults(of table: ServiceTable) -> [ConfigurationFault]
    /// What `take` would do.
    func outlook(on table: ServiceTable) -> ReloadReport
    /// Takes the table over, whole. Throws before anything is touched, or not at all.
    func take(_ table: ServiceTable) throws(ConfigurationFault) -> ReloadReport
}

/// Has the table read anew and taken over, one reload at a time.
///
/// Who asks while one is under way is served by the next, which begins when it is done: the files may have changed since
/// they were read. However many ask, there is one next.
final class Reloader {
    private let source: TableSource
    private let runtime: Runtime
    private weak var target: (any ReloadTarget)?
    private var underWay: Batch?
    var isBusy: Bool { underWay != nil }
    private var next: Batch?
    private var loader: (any TableReading)?
    private var deadline: TimerID?
    /// The supervisor has begun by its first table.
    private var isOpen = false

    typealias Answer = (Result<JSON, ControlError>) -> Void

    /// What is answered by one reading of the table.
    private struct Batch {
        var why: String
        /// Somebody wants it to be taken over, and not only looked at.
        var takes = false
        var answers: [(dryRun: Bool, answer: Answer)] = []
    }

    /// For the whole table. A file system or name server that hangs is not waited for for ever.
    private static let patience = Duration.seconds(120)

    init(_ source: TableSource, runtime: Runtime, target: any ReloadTarget) {
        self.source = source
        self.runtime = runtime
        self.target = target
    }

    /// The first table is in force: who has asked meanwhile is served.
    func open() {
        isOpen = true
        begin()
    }

    /// - Parameters:
    ///   - why: The signal or the request.
    ///   - answer: Called once.
    func reload(why: String, dryRun: Bool = false, answer: @escaping Answer = { _ in }) {
        if let refusal = target?.refusesTables { return answer(.failure(ControlError(.failed, refusal))) }
        guard case .file = source else {
            let message = "the service came with the command line (\(source.name)): there is no table to read anew"
            if !dryRun { report(.reloadFailed(why: message)) }
            return answer(.failure(ControlError(.failed, message)))
        }
        var batch = next ?? Batch(why: why)
        batch.takes = batch.takes || !dryRun
        batch.answers.append((dryRun, answer))
        next = batch
        begin()
    }

    // MARK: One reading

    private func begin() {
        guard isOpen, underWay == nil, let batch = next.take() else { return }
        if let refusal = target?.refusesTables {
            for (_, answer) in batch.answers { answer(.failure(ControlError(.failed, refusal))) }
            return
        }
        underWay = batch
        if batch.takes {
            report(.reloading(why: batch.why))
            runtime.notifier?.reloading()
        }
        deadline = runtime.loop.schedule(after: Self.patience) { [weak self] in
            self?.loader?.giveUp(why: "it could not be read within \(Self.patience.brief)")
        }
        do {
            loader = try runtime.privileges.read(source) { [weak self] loaded in
                // After the events of this round, which belong to what was.
                self?.runtime.loop.afterThisRound { self?.take(loaded) }
            }
        } catch {
            end(.failure(ControlError(.failed, "the loader cannot be started: \(error)")), nil)
        }
    }

    private func take(_ loaded: LoadedTable) {
        guard let batch = underWay, let target else { return }
        if let refusal = target.refusesTables { return end(.failure(ControlError(.failed, refusal)), nil) }
        var faults = loaded.faults
        if let table = loaded.table { faults += target.faults(of: table) }
        guard let table = loaded.table, !faults.contains(where: { $0.severity == .error }) else {
            return end(.failure(failure(faults)), nil)
        }
        let warnings = faults.map(\.description)
        var outlook: ReloadReport?
        if batch.answers.contains(where: \.dryRun) {
            outlook = target.outlook(on: table)
            outlook?.notes += warnings
        }
        guard batch.takes else { return end(nil, outlook) }
        do {
            var report = try target.take(table)
            report.notes += warnings
            end(.success(report), outlook)
        } catch {
            end(.failure(failure([error])), outlook)
        }
    }

    private func failure(_ faults: [ConfigurationFault]) -> ControlError {
        let count = faults.count { $0.severity == .error }
        let message = "\(source.name): \(count == 1 ? "a fault" : "\(count) faults"); nothing was touched"
        return ControlError(.faults, message, faults: faults.map { TableFault($0) })
    }

    /// - Parameters:
    ///   - outcome: For those who want the table to be taken over; nil when there are none.
    ///   - outlook: For those who only look; nil when there is none, for the reason in `outcome`.
    private func end(_ outcome: Result<ReloadReport, ControlError>?, _ outlook: ReloadReport?) {
        guard let batch = underWay.take() else { return }
        if batch.takes { runtime.notifier?.ready() }
        if let deadline { runtime.loop.cancel(deadline) }
        (deadline, loader) = (nil, nil)
        runtime.loop.afterThisRound { CurrentProcess.letMemoryGo() }
        if batch.takes, let outcome { log(outcome) }
        for (dryRun, answer) in batch.answers {
            if dryRun, let outlook {
                answer(.success(outlook.json))
            } else if let outcome {
                answer(outcome.map(\.json))
            }
        }
        begin()
    }

    // MARK: The log

    private func log(_ outcome: Result<ReloadReport, ControlError>) {
        switch outcome {
        case .success(let result):
            report(.reloaded(result))
            for change in result.changed {
                for note in change.notes { report(.reloadNote("\(change.service): \(note)")) }
            }
            for note in result.notes { report(.reloadNote(note)) }
        case .failure(let error):
            for fault in error.faults { report(.tableFault(fault)) }
            report(.reloadFailed(why: error.message))
        }
    }

    private func report(_ event: SupervisorEvent) {
        runtime.events.report(.supervisor(event))
    }
}

extension TableFault {
    /// As the control socket and the log show it.
    init(_ fault: ConfigurationFault) {
        self.init(
            file: fault.file, line: fault.line, column: fault.column, key: fault.key, message: fault.message,
            severity: fault.severity == .error ? .error : .warning)
    }
}
