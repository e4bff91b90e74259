import Foundation
import LinuxSystem
import TestSupport

/// A program that has confined itself: what it said, by the name of each line.
struct ConfinedProcess {
    let results: [String: String]
    let errors: String
    let status: TestProcess.ExitStatus

    /// - Parameters:
    ///   - measures: As `baton-confined` takes them.
    ///   - what: For `baton-system-calls`.
    init(_ measures: String, _ identity: String, _ what: String, directory: String? = nil) throws {
        try self.init([measures, identity, Repository.product("baton-system-calls"), what], directory: directory)
    }

    /// - Parameter arguments: For `baton-confined`.
    init(_ arguments: [String], directory: String? = nil) throws {
        let output = try runProgram(Repository.product("baton-confined"), arguments, directory: directory)
        var results: [String: String] = [:]
        for line in output.standardOutput.split(separator: "\n") {
            guard let colon = line.lastIndex(of: ":") else { continue }
            results[String(line[..<colon])] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        self.results = results
        errors = output.standardError
        status = output.status
    }
}

/// Looks at a confined process while it stays.
func withConfined<Result>(_ arguments: [String], _ look: (ProcessView) throws -> Result) throws -> Result {
    let ends = try Socket.pair(.stream)
    let theirs = ends.theirs.rawValue
    let process = try TestProcess(
        Repository.product("baton-confined"), arguments, descriptors: [theirs, theirs, STDERR_FILENO])
    guard waitFor(POLLIN, on: ends.ours.rawValue, until: Deadline()) else { throw TestFailure("it does not stay") }
    return try look(ProcessView(pid: process.pid))
}
