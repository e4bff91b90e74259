internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The new program's part in an upgrade.
package enum Takeover {
    /// To get there.
    private static let patience: UInt32 = 10
    /// Of a crash there is no more to say.
    private static let crash = "the new program crashed, or was not ready in \(patience) s"
    /// sysexits.h: an internal software error.
    private static let failure: Int32 = 70

    /// Who takes over, by the option that says so.
    enum Role: String, CaseIterable {
        case supervisor = "--take-over"
        case monitor = "--keep-rights"
    }

    private static let backOption = "--back-because"

    /// The command line of who takes over: that of the first program, so that ps(1) shows what it always has, and the
    /// number of the state's descriptor.
    ///
    /// - Parameter why: What has brought the former program back.
    static func arguments(_ state: Int32, _ role: Role, backBecause why: String? = nil) -> [String] {
        Array(CommandLine.arguments.prefix { Role(rawValue: $0) == nil }) + [role.rawValue, "\(state)"]
            + (why.map { [backOption, $0] } ?? [])
    }

    /// Takes over, if that is what the command line says.
    ///
    /// - Returns: The exit status, in the end; nil when the command line says something else.
    package static func run(_ arguments: [String]) -> Int32? {
        guard let place = arguments.firstIndex(where: { Role(rawValue: $0) != nil }), arguments.count > place + 1,
            let role = Role(rawValue: arguments[place]), let state = Int32(arguments[place + 1])
        else { return nil }
        let back = arguments.firstIndex(of: backOption).map { $0 + 1 }
        return run(role, state: state, backBecause: back.flatMap { $0 < arguments.count ? arguments[$0] : nil })
    }

    /// Reads a state from standard input and says whether it could be taken over.
    ///
    /// - Returns: The exit status.
    package static func check() -> Int32 {
        do {
            let state = try StateFile(reading: try content(of: 0)).state()
            _ = try LoadedTable(decoding: state.table)
            write(UpgradeTrial.word + BatonVersion.text)
            return 0
        } catch {
            write("\(error)")
            return 1
        }
    }

    private static func content(of number: Int32) throws(StateFile.Unreadable) -> [UInt8] {
        do {
            return try FileDescriptor(rawValue: number).contents(most: StateFile.most)
        } catch {
            throw StateFile.Unreadable(why: "the state: \(error)")
        }
    }

    private static func write(_ line: String) {
        _ = try? FileDescriptor.standardOutput.writeAll(Array((line + "\n").utf8))
    }

    /// Goes on where the program before left off.
    ///
    /// - Parameters:
    ///   - number: The descriptor of its state.
    ///   - why: What has brought this program back, when it was the one before itself.
    /// - Returns: The exit status, in the end.
    private static func run(_ role: Role, state number: Int32, backBecause why: String?) -> Int32 {
        ProgramChange.setName(role == .monitor ? "baton-monitor" : "batond")
        do {
            let file = try StateFile(reading: try content(of: number))
            let kept = file.descriptors + [file.formerProgram, number]
            try ProgramChange.keepOpen(kept, false)
            return try takeOver(role, file, number, kept, why)
        } catch {
            StandardError.write("batond: cannot take over: \(error)")
            return failure
        }
    }

    private static func takeOver(
        _ role: Role, _ file: StateFile, _ number: Int32, _ kept: [Int32], _ why: String?
    ) throws -> Int32 {
        let former = FileDescriptor(rawValue: file.formerProgram)
        // Nothing may happen to what the state names before this program stays; a crash goes back, too.
        try ProgramChange.goBackOnCrash(
            to: former, arguments: arguments(number, role, backBecause: crash), keeping: kept, within: patience)
        let run: () throws -> Int32
        do {
            run = try successor(role, file, why)
        } catch {
            try ProgramChange.keepOpen(kept, true)
            throw goBack(to: former, number, role, why, error)
        }
        ProgramChange.stay()
        _ = OwnedDescriptor(adopting: file.formerProgram)
        _ = OwnedDescriptor(adopting: number)
        return try run()
    }

    /// Who has come back has nowhere else to go, and comes again: the kernel is short of what both programs need, and until
    /// that is over nothing is lost but time.
    ///
    /// - Returns: Why the former program cannot be executed at all.
    private static func goBack(
        to former: FileDescriptor, _ number: Int32, _ role: Role, _ why: String?, _ failure: any Error
    ) -> Errno {
        let arguments = arguments(
            number, role, backBecause: why ?? "the new program cannot take over: \(failure)")
        if why != nil { wait("\(failure)") }
        while true {
            let error = ProgramChange.become(former, arguments: arguments)
            guard error.isShortage || error == .resourceTemporarilyUnavailable else { return error }
            wait("exec: \(error)")
        }
    }

    private static func wait(_ why: String) {
        StandardError.tell("batond: the upgrade failed, and the former program cannot go on yet: \(why)")
        Clock.pause(.seconds(1))
    }

    /// - Returns: What it does, once it is there to stay.
    private static func successor(
        _ role: Role, _ file: StateFile, _ why: String?
    ) throws -> () throws -> Int32 {
        switch role {
        case .supervisor:
            let supervisor = try Supervisor(try file.read(), backBecause: why)
            return supervisor.run
        case .monitor:
            let monitor = try Monitor(try file.read(), backBecause: why)
            return monitor.run
        }
    }
}
