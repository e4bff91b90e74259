internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The process of a handler under test, which leads a session and a process group of its own.
final class HandlerProcess {
    let pid: Int32
    /// Nil until it was seen to end.
    private(set) var end: ExitStatus?
    private let process: ProcessDescriptor
    /// Where its standard output and error go.
    private let output: OwnedDescriptor
    private var written: [UInt8] = []
    private let running: RunningHandlers

    /// The number of the channel in the handler.
    static let channelNumber = 3
    /// Bytes of its output that are kept.
    private static let mostOutput = 4096

    /// Starts it as Baton does; but for what Baton sets it has the environment of this program.
    ///
    /// - Parameter channel: Nil starts it as anybody does.
    init(_ subject: Subject, channel: FileDescriptor?, environment: [String]) throws(Finding) {
        let pair = try own("socketpair") { () throws(Errno) in try Socket.pair(.stream) }
        var plan = SpawnPlan(
            path: subject.path, arguments: subject.arguments, descriptors: [.null, .passed(0), .passed(0)])
        if channel != nil { plan.descriptors.append(.passed(1)) }
        plan.directory = CurrentProcess.workingDirectory ?? "/"
        plan.environment = EnvironmentBlock(
            CurrentProcess.environment.filter { !$0.key.hasPrefix("BATON_") }.map { "\($0.key)=\($0.value)" }
                + ["BATON_SERVICE=\(subject.service)"] + environment)
        let report = try own("mmap") { () throws(Errno) in try SpawnReportPage() }
        let passed = [pair.theirs.borrowed] + (channel.map { [$0] } ?? [])
        guard case .running(let pid) = Spawn.start(plan, passing: passed, report: report) else {
            throw .fault("it cannot be started: \(report.snapshot().error.map { "\($0)" } ?? "it was killed")")
        }
        self.pid = pid
        running = subject.running
        output = pair.ours
        guard running.add(pid) else {
            ChildProcess.signal(pid, SIGKILL)
            _ = try? ChildProcess.collect(pid)
            throw .inapplicable("interrupted")
        }
        process = try own("pidfd_open") { () throws(Errno) in try ProcessDescriptor(child: pid) }
    }

    /// Readable when it has ended.
    var ended: FileDescriptor { process.borrowed }
    /// Readable when it has written something.
    var outputs: FileDescriptor { output.borrowed }

    func waitForEnd(within time: Duration) -> Bool {
        end != nil || ((try? Poll.wait(for: process.borrowed, .readable, within: time)) ?? false)
    }

    /// Collects it when it has ended.
    func look() {
        if end == nil, process.hasEnded { collect() }
    }

    /// Ends it, if need be, and whoever else is of its session.
    func kill() {
        guard end == nil else { return }
        ChildProcess.signal(pid, SIGKILL)
        collect()
    }

    /// While it is not collected, its number cannot come to mean another session.
    private func collect() {
        for member in Session.members(of: pid) where member != pid { ChildProcess.signal(member, SIGKILL) }
        running.remove(pid)
        end = try? ChildProcess.collect(pid)
    }

    /// Takes what it has written; false when no more will come.
    @discardableResult
    func readOutput() -> Bool {
        while let bytes = try? Socket.receive(output.borrowed, most: Self.mostOutput) {
            guard !bytes.isEmpty else { return false }
            written = (written + bytes).suffix(Self.mostOutput)
        }
        return true
    }

    /// The last that it wrote to its standard output and error.
    var lastOutput: String {
        readOutput()
        return String(decoding: written, as: UTF8.self)
    }
}
