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
    private let reports: Reports
    private var states: [State]

    private enum State {
        case waiting, running, over
    }

    /// What the checks' threads have found, which keep it for as long as they run.
    private final class Reports: Sendable {
        private let byIndex = Mutex<[Int: CheckReport]>([:])
        /// A thread that is done sends the number of its check from one to the other.
        private let announced: OwnedDescriptor
        private let announcing: OwnedDescriptor

        init() throws(Errno) {
            let pair = try Socket.pair(.sequencedPacket)
            announced = pair.ours
            announcing = pair.theirs
        }

        subscript(index: Int) -> CheckReport? {
            get { byIndex.withLock { $0[index] } }
            set { byIndex.withLock { $0[index] = newValue } }
        }

        /// Readable when a check has been announced.
        var news: FileDescriptor { announced.borrowed }

        func announce(_ index: Int) {
            _ = try? DescriptorPassing.send([UInt8(index)], on: announcing.borrowed, blocking: true)
        }

        /// The checks that have been announced since it was last asked.
        func takeNews() -> [Int] {
            var numbers: [Int] = []
            var byte: [UInt8] = [0]
            while (try? DescriptorPassing.receive(into: &byte, room: 0, on: news))?.count == 1 {
                numbers.append(Int(byte[0]))
            }
            return numbers
        }
    }

    /// Checks at a time. They mostly wait.
    private static let mostAtOnce = 4

    /// - Parameter checks: In the order of `ConformanceCheck.all`.
    package init(_ subject: Subject, _ checks: [ConformanceCheck]) throws(Errno) {
        reports = try Reports()
        self.subject = subject
        self.checks = checks
        states = checks.map { _ in .waiting }
    }

    /// Runs all of them. SIGINT and SIGTERM are this process's to take from here on.
    ///
    /// - Parameter tell: Is given each report, in the order of the checks.
    /// - Throws: `.interrupted` after SIGINT or SIGTERM; every handler is gone then.
    package mutating func run(_ tell: (CheckReport) -> Void) throws(Errno) -> [CheckReport] {
        let signals = try SignalDescriptor([SIGINT, SIGTERM])
        var epoll = try Epoll(batch: 2)
        try epoll.add(reports.news, .readable, token: 0)
        try epoll.add(signals.borrowed, .readable, token: 1)
        var told = 0
        var isInterrupted = false
        while told < checks.count {
            if !isInterrupted { try startWhatCan() }
            while told < checks.count, let report = reports[told], states[told] == .over {
                if !isInterrupted { tell(report) }
                told += 1
            }
            guard states.contains(.running) else {
                if isInterrupted { throw .interrupted }
                continue
            }
            _ = try epoll.wait(timeout: nil)
            if signals.next() != nil {
                // The checks that run see their handlers end, and are over soon.
                isInterrupted = true
                subject.running.end()
            }
            for number in reports.takeNews() { states[number] = .over }
        }
        return checks.indices.compactMap { reports[$0] }
    }

    private mutating func startWhatCan() throws(Errno) {
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
                    reports.announce(index)
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
