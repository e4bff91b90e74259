package import ControlProtocol
package import ServiceTable

/// What `batond run` was told.
package struct SupervisorOptions: Sendable {
    package var table: TableSource
    /// Nil: the table's, else the default of this uid.
    package var runtimeDirectory: String?
    /// Nil: the table's.
    package var logLevel: EventLevel?
    /// Nil: the table's.
    package var logFormat: LogFormat?
    /// A newline is written to it when every listener has been tried.
    package var readyDescriptor: Int32?
    /// A listener that cannot be bound at the start is fatal.
    package var isStrict = false

    /// The numbers of the descriptors that these options name.
    var descriptors: [Int32] {
        var numbers = readyDescriptor.map { [$0] } ?? []
        if case .descriptor(let number, _) = table { numbers.append(number) }
        return numbers
    }

    package init(table: TableSource) {
        self.table = table
    }
}
