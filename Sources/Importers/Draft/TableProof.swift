internal import ServiceTable

/// Reads a table as the supervisor will. What it would not take is left out or disabled, and told: an import never
/// ends in a table with faults.
enum TableProof {
    /// Each round finds what the one before has hidden.
    private static let mostRounds = 16

    static func check(_ report: inout ImportReport) {
        for _ in 0..<mostRounds {
            let faults = faults(of: report.table, resolving: false)
            if faults.isEmpty { return }
            for (item, message) in faults { report.reject(item, message) }
        }
    }

    /// Leaves out what is disabled where this machine lacks what it names. Of what is enabled the supervisor is to say so.
    static func leaveOutDisabled(_ report: inout ImportReport) {
        guard report.table.services.contains(where: \.isDisabled) else { return }
        for (item, message) in faults(of: report.table, resolving: true) { report.leaveOut(item, message) }
    }

    /// The first one of each item.
    private static func faults(of table: TableDraft, resolving: Bool) -> [Int: String] {
        let text = TableText(table)
        let loaded = ServiceTableReader.read(text: Array(text.text.utf8), name: "table", resolving: resolving)
        var faults: [Int: String] = [:]
        for fault in loaded.faults where fault.severity == .error {
            guard let item = text.items[fault.line], faults[item] == nil else { continue }
            faults[item] = fault.message
        }
        return faults
    }
}

extension DraftService {
    fileprivate var isDisabled: Bool { self["enabled"] == .bool(false) }
}

extension ImportReport {
    /// Takes back a service that the table cannot have.
    fileprivate mutating func reject(_ item: Int, _ message: String) {
        guard case .service(var service) = table.items[item] else { return }
        // Two services of one address: the other super-server binds the first only.
        let isTaken = message.contains("is bound at") && service["enabled"] == nil
        let words =
            isTaken ? "its address is another service's already; disabled" : "the table cannot say it: \(message)"
        let fidelity = downgrade(at: service.place, .notExpressible(words))
        let remark = "\(service.place.words): \(service.name): \(fidelity.kind.words): \(words)"
        guard isTaken else { return table.replace(item, with: .comment(remark)) }
        service["enabled"] = .bool(false)
        service.comments.append(remark)
        table.replace(item, with: .service(service))
    }

    /// Takes back a disabled service that this machine cannot have.
    fileprivate mutating func leaveOut(_ item: Int, _ message: String) {
        guard case .service(let service) = table.items[item], service.isDisabled else { return }
        let words = "it is disabled, and left out: \(message)"
        let fidelity = downgrade(at: service.place, .approximated(words))
        table.replace(
            item, with: .comment("\(service.place.words): \(service.name): \(fidelity.kind.words): \(words)"))
    }
}
