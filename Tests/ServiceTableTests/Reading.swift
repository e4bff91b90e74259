import Glibc
import LinuxSystem
import Testing

@testable import ServiceTable

/// Reads a table given as text. Names need not exist unless `resolving`.
func load(_ text: String, resolving: Bool = false) -> LoadedTable {
    ServiceTableReader.read(text: Array(text.utf8), name: "t", resolving: resolving)
}

/// The faults of a table, each as `LINE:COLUMN: error: key: message`.
func faults(_ text: String, resolving: Bool = false) -> [String] {
    load(text, resolving: resolving).faults.map { String("\($0)".dropFirst(2)) }
}

/// The faults of one service `s`, given as flow or block YAML that begins in line 1, column 16.
func serviceFaults(_ service: String, resolving: Bool = false) -> [String] {
    faults("services: {s: " + service + "}", resolving: resolving)
}

/// The only service of a table without faults.
func service(_ text: String, resolving: Bool = false) throws -> Service {
    let loaded = load("services: {s: " + text + "}", resolving: resolving)
    #expect(loaded.faults.isEmpty, "\(loaded.faults.map(\.description).joined(separator: "\n"))")
    let table = try #require(loaded.table)
    return try #require(table.services.first)
}

/// A directory that goes with its owner.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/baton-table-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } != nil }
        try #require(made)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes a file and answers its path.
    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws -> String {
        let full = "\(path)/\(name)"
        let file = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        let bytes = Array(text.utf8)
        try #require(Glibc.write(file, bytes, bytes.count) == bytes.count)
        try #require(fchmod(file, mode) == 0)
        return full
    }

    deinit {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { unlink("\(path)/\(name)") }
            }
            closedir(directory)
        }
        rmdir(path)
    }
}
