internal import Glibc
internal import LinuxSystem
internal import Synchronization
package import SystemPackage

/// A handler put to the checks, several at a time.
///
/// A check begins when those that it relies on are over, and is skipped when one of them failed: so the first thing
/// that a handler does wrong is reported, and not everything that follows from it.
package struct ConformanceRun {
    private let subject: Subject
    private let checks: [ConformanceCheck]
    private let reports = Reports()
    private var states: [State]

    private enum State {
        case waiting, running, over
    }

    /// What ended, from the checks' threads.
    private final class Reports: Sendable {
        private let byIndex = Mutex<[Int: CheckReport]>([:])

        subscript(index: Int) -> CheckReport? {
            get { byIndex.withLock { $0[index] } }
            set { byIndex.withLock { $0[index] = newValue } }
        }
    }

    /// Checks at a time. They mostly wait.
    private static let mostAtOnce = 4

    /// - Parameter checks: In the order of `ConformanceCheck.all`.
    package init(_ subject: Subject, _ checks: [ConformanceCheck]) {
        self.subject = subject
        self.checks = checks
        states = checks.map { _ in .waiting }
    }

    /// Runs all of them. SIGINT and SIGTERM are this process's to take from here on.
    ///
    /// - Parameter tell: Is given each report, in the order of the checks.
    /// - Throws: `.interrupted` after SIGINT or SIGTERM; every handler is gone then.
    package mutating func run(_ tell: (CheckReport) -> Void) throws(Errno) -> [CheckReport] {
        // A thread that is done sends the number of its check.
        let pair = try Socket.pair(.sequencedPacket)
        let signals = try SignalDescriptor([SIGINT, SIGTERM])
        var epoll = try Epoll(batch: 2)
        try epoll.add(pair.ours.borrowed, .readable, token: 0)
        try epoll.add(signals.borrowed, .readable, token: 1)
        var told = 0
        while told < checks.count {
            try startWhatCan(announcing: pair.theirs.borrowed)
            while told < checks.count, let report = reports[told], states[told] == .over {
                tell(report)
                told += 1
            }
            guard states.contains(.running) else { continue }
            _ = try epoll.wait(timeout: nil)
            if signals.next() != nil {
                subject.running.end()
                throw .interrupted
            }
            for number in Self.ended(pair.ours.borrowed) { states[number] = .over }
        }
        return checks.indices.compactMap { reports[$0] }
    }

    /// The checks that have announced their end.
    private static func ended(_ socket: FileDescriptor) -> [Int] {
        var numbers: [Int] = []
        var byte: [UInt8] = [0]
        while (try? DescriptorPassing.receive(into: &byte, room: 0, on: socket))?.count == 1 {
            numbers.append(Int(byte[0]))
        }
        return numbers
    }

    private mutating func startWhatCan(announcing channel: FileDescriptor) throws(Errno) {
        for index in checks.indices where states[index] == .waiting {
            if let failed = failedPrerequisite(of: checks[index]) {
                reports[index] = CheckReport(
                    check: checks[index], verdict: .blocked(by: failed), duration: .zero)
                states[index] = .over
            } else if states.count(where: { $0 == .running }) < Self.mostAtOnce, isReady(checks[index]) {
                states[index] = .running
                let (check, subject, reports) = (checks[index], subject, reports)
                try DetachedThread.start {
                    reports[index] = check.report(on: subject)
                    _ = try? DescriptorPassing.send([UInt8(index)], on: channel, blocking: true)
                }
            }
        }
    }

    /// Where the check relies on one that failed, or was skipped for that reason: the one that failed.
    private func failedPrerequisite(of check: ConformanceCheck) -> String? {
        for name in check.prerequisites {
            guard let index = checks.firstIndex(where: { $0.name == name }), states[index] == .over else { continue }
            switch reports[index]?.verdict {
            case .failed: return name
            case .blocked(let failed): return failed
            default: continue
            }
        }
        return nil
    }

    /// One that was not chosen counts as passed.
    private func isReady(_ check: ConformanceCheck) -> Bool {
        check.prerequisites.allSatisfy { name in
            checks.firstIndex { $0.name == name }.map { states[$0] == .over } ?? true
        }
    }
}
