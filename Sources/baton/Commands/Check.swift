internal import ArgumentParser
internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

struct Check: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read service tables and report every fault; nothing is bound or started.",
        discussion: "Faults go to standard error, one a line, as FILE:LINE:COLUMN: error: KEY: what is wrong.")

    @Flag(help: "Users, groups and programs need not exist on this machine.")
    var noResolve = false

    @Flag(help: "Print {\"files\": […], \"faults\": […]} instead.")
    var json = false

    @Argument(help: "Service tables.", completion: .tables)
    var tables: [String]

    func execute() throws(Failure) {
        let results = tables.map { file in
            (file: file, loaded: ServiceTableReader.read(file: file, resolving: !noResolve))
        }
        let faults = results.flatMap(\.loaded.faults)
        if json {
            let result: JSON = [
                "files": .array(tables.map { .string($0) }),
                "faults": .array(faults.map { TableFault($0).json }),
            ]
            print(result.text)
        } else {
            for fault in faults { StandardError.write("\(fault)") }
            for (file, loaded) in results {
                guard let table = loaded.table else { continue }
                print("\(file): valid, \(Self.summary(of: table))")
            }
        }
        if faults.contains(where: { $0.severity == .error }) { throw Failure(.tableFaults) }
    }

    private static func summary(of table: ServiceTable) -> String {
        let listeners = table.services.reduce(0) { $0 + $1.endpoints.count }
        return "services: \(table.services.count), listeners: \(listeners)"
    }
}

extension TableFault {
    init(_ fault: ConfigurationFault) {
        self.init(
            file: fault.file, line: fault.line, column: fault.column, key: fault.key, message: fault.message,
            severity: fault.severity == .error ? .error : .warning)
    }
}
