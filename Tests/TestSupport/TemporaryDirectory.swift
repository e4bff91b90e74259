import Foundation

/// A directory of a test's own, with a path short enough for Unix sockets in it; removed with the value.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// - Parameter mode: 0755, because handlers of other users must get in.
    package init(mode: mode_t = 0o755) throws {
        var template = Array("/tmp/baton-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure.systemCall("mkdtemp") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try check("chmod") { chmod(path, mode) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    package func path(_ name: String) -> String { path + "/" + name }

    /// Writes a file, which can be run if it is a program, and answers its path.
    @discardableResult
    package func write(_ name: String, _ contents: String, mode: mode_t = 0o644) throws -> String {
        let file = path(name)
        let directory = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        // A child that is being spawned would hold the file open for writing: ETXTBSY for who runs it (execve(2)).
        try TestProcess.withoutSpawning { try contents.write(toFile: file, atomically: false, encoding: .utf8) }
        try check("chmod") { chmod(file, mode) }
        return file
    }

    /// An executable script of the shell.
    package func writeScript(_ name: String, _ text: String) throws -> String {
        try write(name, "#!/bin/sh\n\(text)\n", mode: 0o755)
    }

    /// A program of the build, in a file of its own.
    package func copyProduct(_ name: String) throws {
        try TestProcess.withoutSpawning {
            try FileManager.default.copyItem(atPath: Repository.product(name), toPath: path(name))
        }
    }

    package func read(_ name: String) throws -> String {
        try String(contentsOfFile: path(name), encoding: .utf8)
    }
}
