import Glibc
import Synchronization
import SystemCallFaults

/// Runs `body` in a thread of its own, in which every call of these names fails, and in what it starts. What `body` answers
/// is to be checked outside: on its thread an expectation belongs to no test.
package func withFailing<Value: Sendable>(
    _ calls: [String], _ error: Int32, _ body: @escaping @Sendable () throws -> Value
) throws -> Value {
    let result = ResultBox<Value>()
    let threads = Threads(1) { _ in
        for number in calls.map({ faults_number($0) }) where number >= 0 {
            try check("seccomp") { faults_fail(number, error) }
        }
        result.content.withLock { $0 = Result { try body() } }
    }
    try threads.join()
    guard let value = result.content.withLock({ $0 }) else { throw TestFailure("the thread left no result") }
    return try value.get()
}

private final class ResultBox<Value: Sendable>: Sendable {
    let content = Mutex<Result<Value, any Error>?>(nil)
}
