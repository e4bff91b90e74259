import Foundation
import TestSupport
import Testing

/// What a client does, from which system calls come that may fail.
struct FaultScenario: Sendable, CustomTestStringConvertible {
    let name: String
    /// The services, and what else the table says; DIRECTORY, GROUP and PORT are replaced.
    let table: String
    /// What is to be there before the supervisor.
    var around: @Sendable (TemporaryDirectory) throws -> Surroundings = { _ in Surroundings() }
    /// Does it once, and throws when it was not served.
    let drive: @Sendable (RunningSupervisor, Surroundings) throws -> Void

    var testDescription: String { name }

    /// What is there around a supervisor, for as long as it runs.
    struct Surroundings {
        var environment: [String: String] = [:]
        var group: TemporaryCgroup?
        var logDaemon: LogDaemon?
        var manager: ManagerSocket?
    }

    init(name: String, table: String, drive: @escaping @Sendable (RunningSupervisor) throws -> Void) {
        self.init(name: name, table: table) { supervisor, _ in try drive(supervisor) }
    }

    init(
        name: String, table: String,
        around: @escaping @Sendable (TemporaryDirectory) throws -> Surroundings = { _ in Surroundings() },
        drive: @escaping @Sendable (RunningSupervisor, Surroundings) throws -> Void
    ) {
        self.name = name
        self.table = table
        self.around = around
        self.drive = drive
    }

    func text(in directory: TemporaryDirectory, _ surroundings: Surroundings) throws -> String {
        let port = try QuietPort.next()
        return table.replacing("DIRECTORY", with: directory.path).replacing("PORT", with: String(port))
            .replacing("FIXTURES", with: Repository.path("Tests/Fixtures"))
            .replacing("GROUP", with: surroundings.group?.name ?? "")
    }

    /// The same with rights and decisions in two processes.
    func separated(_ name: String) -> FaultScenario {
        FaultScenario(name: name, table: "supervisor_user: nobody\n" + table, around: around, drive: drive)
    }

    // MARK: Which

    static let all =
        [
            exec, settings, confined, wait, datagramWait, notifying, echo, datagram, internals, redirect, route,
            multiplexer, names, supervised, registered, registeredStream, registeredDatagram, pass, scriptPass, metrics,
            control, reload, foreign, logFile, syslog, managed, upgrade,
        ].filter { !impossible.contains($0.name) } + separations

    /// The address sanitizer takes more memory than the process that serves metrics may have; and not everywhere are there
    /// groups.
    private static let impossible =
        (ProcessInfo.processInfo.environment["BATON_SANITIZED"] == nil ? [] : [metrics.name])
        + (ProcessView.hasCgroups ? [] : [confined.name])

    /// All, or the one that BATON_FAULTS names; without it those that differ most.
    static let once = FaultSweep.what == nil ? quick : chosen

    static let lasting = FaultSweep.what != nil ? chosen : [exec, redirect, supervised, registered, control, reload]

    private static let chosen = all.filter { [$0.name, "all", "each"].contains(FaultSweep.what) }
    private static let quick = [
        exec, settings, wait, datagramWait, echo, datagram, redirect, route, multiplexer, supervised, registered,
        metrics, control, reload, names, upgrade, separatedWays,
    ].filter { !impossible.contains($0.name) }

    // MARK: What clients do

    /// A client says something, gets it back, ends, and is told that all is over.
    static func echo(_ text: String = "hello", at port: UInt16) throws {
        let client = try TestSocket.tcp(port: port)
        try client.send(text)
        try expect(client.receive(exactly: text.utf8.count) == Array(text.utf8))
        try client.finishSending()
        try expect(client.receiveToEnd().isEmpty)
    }

    static func ask(_ client: TestSocket) throws {
        try client.send("hello")
        try expect(client.receive() == Array("hello".utf8))
    }

    /// As who uses datagrams does: one that is not answered is sent again.
    ///
    /// - Parameter answer: Nil where any is right.
    static func exchangeDatagrams(_ text: String = "hello", _ answer: String? = "hello", port: UInt16) throws {
        let client = try TestSocket.udp(port: port)
        for _ in 0..<3 {
            try client.send(text)
            guard client.isReadable(within: 1) else { continue }
            let received = try client.receive()
            return try expect(answer.map { received == Array($0.utf8) } ?? true)
        }
        throw TestFailure("no answer")
    }

    /// Thrown, not recorded: while a call fails not every client is served.
    static func expect(_ holds: Bool, line: UInt = #line) throws {
        guard holds else { throw TestFailure("not the answer that line \(line) expects") }
    }
}
