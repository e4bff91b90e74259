import Foundation
import Synchronization

/// Threads that block, as many as asked for: the concurrency pool has one a processor.
package final class Threads: Sendable {
    private let failures = Mutex<[String]>([])
    private let finished = DispatchSemaphore(value: 0)
    private let count: Int

    /// Starts them; `body` is told which of them it is.
    package init(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) {
        self.count = count
        for number in 0..<count {
            Thread.detachNewThread { [self] in
                do {
                    try body(number)
                } catch {
                    failures.withLock { $0.append("thread \(number): \(error)") }
                }
                finished.signal()
            }
        }
    }

    /// Waits for all of them; throws what any of them threw.
    package func join(within deadline: Deadline = Deadline(seconds: 120)) throws {
        for _ in 0..<count {
            guard finished.wait(timeout: .now() + .milliseconds(Int(deadline.milliseconds))) == .success else {
                throw TestFailure("a thread does not end; so far: \(failures.withLock { $0 })")
            }
        }
        let failures = failures.withLock { $0 }
        guard failures.isEmpty else { throw TestFailure(failures.joined(separator: "\n")) }
    }
}

/// The test's own limit on descriptors, raised to the hard limit once for all tests, because some hold thousands.
package enum DescriptorLimit {
    package static let raised: rlim_t = {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return limit.rlim_cur
    }()
}
