import Foundation

/// What /proc says about a process of somebody else's.
package struct ProcessView: Hashable, Sendable {
    package let pid: pid_t

    package init(pid: pid_t) {
        self.pid = pid
    }

    /// A file of /proc/PID.
    package func contents(of name: String) -> String? { text(name) }

    private func text(_ name: String) -> String? {
        // Not String(contentsOfFile:): /proc's files have no size.
        guard let handle = FileHandle(forReadingAtPath: "/proc/\(pid)/\(name)") else { return nil }
        defer { try? handle.close() }
        return (try? handle.readToEnd()).map { String(decoding: $0, as: UTF8.self) }
    }

    private func link(_ name: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/\(name)")
    }

    /// The fields of /proc/PID/stat from the third on (state, ppid, pgrp, session, …): proc(5) counts from 1.
    private func statField(_ number: Int) -> String? { stat("stat", field: number) }

    private func stat(_ file: String, field number: Int) -> String? {
        guard let stat = text(file), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        return fields.indices.contains(number - 3) ? String(fields[number - 3]) : nil
    }

    /// Stops it with SIGSTOP, and returns when none of its threads runs any more: the signal itself is only on its way
    /// when kill(2) returns, and the other threads go on until the first one has seen it.
    package func stop() throws {
        try check("kill") { kill(pid, SIGSTOP) }
        guard eventually({ threadStates.allSatisfy { $0 == "T" } }) else { throw TestFailure("\(pid) does not stop") }
    }

    private var threadStates: [String] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return threads.map { stat("task/\($0)/stat", field: 3) ?? "" }
    }

    /// There and not a zombie.
    package var isAlive: Bool { statField(3).map { $0 != "Z" && $0 != "X" } ?? false }
    package var state: String? { statField(3) }
    package var parent: pid_t? { statField(4).flatMap { pid_t($0) } }
    package var processGroup: pid_t? { statField(5).flatMap { pid_t($0) } }
    package var session: pid_t? { statField(6).flatMap { pid_t($0) } }
    package var nice: Int? { statField(19).flatMap { Int($0) } }
    /// Ticks after boot: with the pid, the identity of a process.
    package var startTime: String? { statField(22) }

    /// User and system time, all threads.
    package var processorSeconds: Double? {
        guard let user = statField(14).flatMap({ Double($0) }), let system = statField(15).flatMap({ Double($0) })
        else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// A line of /proc/PID/status, without its name, such as `Uid` or `voluntary_ctxt_switches`.
    package func status(_ key: String) -> String? {
        text("status")?.split(separator: "\n").first { $0.hasPrefix(key + ":") }.map {
            $0.dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
        }
    }

    /// Times the process gave the processor up by itself: once for each sleep in a system call.
    package var sleeps: Int? { status("voluntary_ctxt_switches").flatMap { Int($0) } }

    package var arguments: [String] {
        (text("cmdline") ?? "").split(separator: "\0", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    package var environment: [String: String] {
        var result: [String: String] = [:]
        for entry in (text("environ") ?? "").split(separator: "\0") {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
        }
        return result
    }

    package var directory: String? { link("cwd") }
    /// The file that it runs from.
    package var program: String? { link("exe") }
    package var root: String? { link("root") }

    /// Soft and hard limit by the name that /proc/PID/limits has, such as `Max open files`.
    package func limit(_ name: String) -> (soft: String, hard: String)? {
        guard let line = text("limits")?.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        let values = line.dropFirst(name.count).split(separator: " ")
        return values.count >= 2 ? (String(values[0]), String(values[1])) : nil
    }

    /// Descriptor → what it is, such as `socket:[4711]`, `anon_inode:[eventpoll]`, `/dev/null`.
    package var descriptors: [Int32: String] {
        let directory = "/proc/\(pid)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        var result: [Int32: String] = [:]
        for name in names {
            if let number = Int32(name), let target = link("fd/\(name)") { result[number] = target }
        }
        return result
    }

    /// The kinds of the open descriptors, sorted, without inode numbers: the same before and after a scenario.
    package var descriptorKinds: [String] {
        descriptors.values.map { target in
            target.prefix { $0 != "[" && $0 != ":" } == "anon_inode"
                ? target : String(target.replacingOccurrences(of: " (deleted)", with: "").prefix { $0 != "[" })
        }.sorted()
    }

    /// What one of them is, without its inode number.
    func kind(of descriptor: Int32) -> String? {
        link("fd/\(descriptor)").map { String($0.prefix { $0 != "[" }) }
    }

    /// The direct children, zombies included.
    package var children: [ProcessView] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { pid_t($0) }.map(ProcessView.init).filter { $0.parent == pid }
            .sorted { $0.pid < $1.pid }
    }

    package var descendants: [ProcessView] {
        children.flatMap { [$0] + $0.descendants }
    }

    /// The first word of the command line's file name: who it is, for a failure's text.
    package var name: String { arguments.first.map { String($0.split(separator: "/").last ?? "") } ?? "?" }
}

extension ProcessView: CustomStringConvertible {
    package var description: String { "\(pid) \(arguments.joined(separator: " "))" }
}

/// Who a process is, in numbers.
extension ProcessView {
    /// The test itself.
    package static var own: ProcessView { ProcessView(pid: getpid()) }

    /// Real, effective, saved and file system id, as /proc/PID/status has them.
    package var users: [String] { status("Uid")?.split(separator: "\t").map(String.init) ?? [] }
    package var groups: [String] { status("Gid")?.split(separator: "\t").map(String.init) ?? [] }
    package var supplementaryGroups: [String] { status("Groups")?.split(separator: " ").map(String.init) ?? [] }
    package var effectiveUser: String? { users.dropFirst().first }
    package var effectiveGroup: String? { groups.dropFirst().first }
}
