/// What came of reading a table: what the loader hands to the supervisor.
package struct LoadedTable: Hashable, Sendable {
    /// Nil exactly when a fault is an error: a table is taken whole or not at all.
    package var table: ServiceTable?
    /// Errors and warnings, in the order of the files.
    package var faults: [ConfigurationFault]

    package init(table: ServiceTable?, faults: [ConfigurationFault]) {
        self.table = table
        self.faults = faults
    }

    /// Of the bytes. A change of the fields is a new version; the last one is read, too.
    private static let version = 4
    private static let oldestVersion = 1

    /// The bytes for the pipe from the loader, and for the program that takes over.
    package func encoded() -> [UInt8] {
        var coder = FieldCoder(version: Self.version)
        var copy = self
        copy.code(with: &coder)
        return coder.bytes
    }

    /// Reads what `encoded` wrote; any other bytes fail, none trap.
    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var coder = FieldCoder(reading: bytes)
        self.init(table: nil, faults: [])
        code(with: &coder)
        coder.expectEnd()
        if let failure = coder.failure { throw DecodingFailure(reason: failure) }
    }

    /// The bytes are no table that this build knows.
    package struct DecodingFailure: Error, Hashable, Sendable, CustomStringConvertible {
        let reason: FieldCoder.Failure
        package var description: String { "the loader's table cannot be read: \(reason)" }
    }

    private mutating func code(with coder: inout FieldCoder) {
        coder.magic("baton table\n")
        coder.version(known: Self.oldestVersion...Self.version)
        coder.optional(&table)
        coder.array(&faults)
    }
}
