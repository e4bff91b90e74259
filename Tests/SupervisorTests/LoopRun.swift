import TestSupport

@testable import Supervisor

extension EventLoop {
    /// Runs until `isDone`, which is looked at every millisecond. A minute bounds a test that fails; none that passes
    /// takes it.
    func run(until isDone: @escaping () -> Bool) throws {
        var isLate = false
        let limit = schedule(after: .seconds(60)) { [self] in
            isLate = true
            stop()
        }
        look(isDone)
        try run()
        cancel(limit)
        if isLate { throw TestFailure("it is not done after a minute") }
    }

    private func look(_ isDone: @escaping () -> Bool) {
        guard !isDone() else { return stop() }
        _ = schedule(after: .milliseconds(1)) { [self] in look(isDone) }
    }
}
