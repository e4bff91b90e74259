import Foundation
import LinuxSystem
import Synchronization
import TestSupport

/// Behind _GNU_SOURCE, which Swift's Glibc module does not set.
@_silgen_name("unshare") private func unshare(_ flags: Int32) -> Int32
@_silgen_name("close_range") private func close_range(_ first: UInt32, _ last: UInt32, _ flags: Int32) -> Int32
private let cloneFiles: Int32 = 0x400

/// Runs `body` on a thread with a descriptor table of its own that holds nothing but 0, 1 and 2, so that
/// tests running beside it neither see nor disturb its descriptors. What `body` answers is to be checked
/// outside: on its thread an expectation belongs to no test.
func withOwnDescriptors<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
    let result = Box<Swift.Result<Result, any Error>>()
    let done = DispatchSemaphore(value: 0)
    Thread {
        result.value = Swift.Result {
            try check("unshare") { unshare(cloneFiles) }
            try check("close_range") { close_range(3, ~0, 0) }
            return try body()
        }
        done.signal()
    }.start()
    done.wait()
    guard let value = result.value else { throw TestFailure("the thread left no result") }
    return try value.get()
}

/// Written by one thread, read by another.
final class Box<Value: Sendable>: Sendable {
    private let content = Mutex<Value?>(nil)

    var value: Value? {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}

/// The calling thread's own descriptors and what they are.
func ownDescriptors() throws -> [Int32: String] {
    var found: [Int32: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/thread-self/fd") {
        let link = "/proc/thread-self/fd/" + name
        // The directory itself was open while it was read.
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else { continue }
        if let number = Int32(name) { found[number] = target }
    }
    return found
}

/// Looks at cat while it runs, with a socket as its input and output.
func withCat<Result>(
    _ adjust: (inout SpawnPlan) -> Void = { _ in }, _ look: (ProcessView) throws -> Result
) throws -> Result {
    let pair = try Socket.pair(.stream)
    let outcome = Spawn.start(.cat.with(adjust), passing: [pair.theirs.borrowed], report: try SpawnReportPage())
    return try withProcess(outcome, look)
}

/// Looks at a process while it runs, then kills and collects it.
func withProcess<Result>(_ outcome: SpawnOutcome, _ look: (ProcessView) throws -> Result) throws -> Result {
    guard case .running(let pid) = outcome else { throw TestFailure("\(outcome)") }
    defer {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }
    // execve lets the parent go on before /proc shows the new arguments.
    guard eventually({ !ProcessView(pid: pid).arguments.isEmpty }) else { throw TestFailure("no exec of \(pid)") }
    return try look(ProcessView(pid: pid))
}

extension ProcessView {
    /// The open descriptors once there are `count`: the dynamic loader has some more for a moment.
    func descriptors(settlingAt count: Int) -> [Int32: String] {
        var found: [Int32: String] = [:]
        _ = eventually {
            found = descriptors
            return found.count == count
        }
        return found
    }
}

extension SpawnPlan {
    /// The first passed descriptor on 0 and 1, and nothing on 2.
    static var cat: SpawnPlan {
        SpawnPlan(path: "/bin/cat", arguments: ["cat"], descriptors: [.passed(0), .passed(0), .null])
    }

    /// This plan with one thing changed.
    func with(_ adjust: (inout SpawnPlan) -> Void) -> SpawnPlan {
        var plan = self
        adjust(&plan)
        return plan
    }
}
