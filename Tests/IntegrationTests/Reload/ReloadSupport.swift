import Foundation
import TestSupport
import Testing

/// The answer to `reload`, as docs/control.md has it.
struct ReloadAnswer: Decodable {
    let added, removed: [String]
    let changed: [Change]
    let unchanged: Int
    let keys: [String]?
    let notes: [String]

    struct Change: Decodable {
        let service: String
        let keys: [String]
        let handlers: String
        let listeners: [Listener]?
        let notes: [String]
    }

    struct Listener: Decodable {
        let address, change: String
        let from: String?
    }

    var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty && keys == nil }

    func change(of service: String) throws -> Change {
        guard let change = changed.first(where: { $0.service == service }) else {
            throw TestFailure("\(service) is not among the changed: \(self)")
        }
        return change
    }
}

extension RunningSupervisor {
    /// Puts `table` in the place of the one that it was started with.
    func rewrite(_ table: String) throws {
        try directory.write("baton.yaml", Self.separated(table))
    }

    /// Has `table` taken over by `baton reload`.
    @discardableResult
    func reload(_ table: String, _ options: String...) throws -> ReloadAnswer {
        try rewrite(table)
        let output = try runProgram(
            Repository.product("baton"), ["reload", "--json", "--runtime-directory", runtimeDirectory] + options)
        guard output.status == .exited(0) else { throw TestFailure("baton reload: \(output)\n\(log.tail)") }
        return try JSONDecoder().decode(ReloadAnswer.self, from: Data(output.standardOutput.utf8))
    }

    /// The inode numbers of what listens at a TCP port of any IPv4 address.
    func listeners(at port: UInt16) -> Set<String> {
        let suffix = ":" + String(format: "%04X", port)
        return inodes(in: "/proc/net/tcp", number: 9) { $0[1].hasSuffix(suffix) && $0[3] == "0A" }
    }

    /// The inode numbers of what listens at a Unix-domain socket.
    func listeners(at path: String) -> Set<String> {
        // The flag of a socket that listens is __SO_ACCEPTCON.
        inodes(in: "/proc/net/unix", number: 6) { $0.last == path && $0[3] == "00010000" }
    }

    /// Those of the supervisor's own sockets.
    private func inodes(in file: String, number: Int, where matches: ([String]) -> Bool) -> Set<String> {
        let own = Set(view.descriptors.values)
        guard let handle = FileHandle(forReadingAtPath: file), let data = try? handle.readToEnd() else { return [] }
        let rows = String(decoding: data, as: UTF8.self).split(separator: "\n").dropFirst().map { line in
            line.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        }
        return Set(rows.filter { $0.count > number && matches($0) }.map { $0[number] }).filter {
            own.contains("socket:[\($0)]")
        }
    }
}

extension TestSocket {
    /// Sends a line and reads the one that answers it.
    func ask(_ line: String = "hello") throws -> String {
        try send(line + "\n")
        return try receiveLine()
    }
}
