extension SupervisorStatus {
    /// What a person should look at, a sentence each; none means healthy. A limit at work, a pause and a
    /// drain are not among them: they are what somebody asked for.
    package var problems: [String] { services.flatMap(\.problems) }

    package var isHealthy: Bool { problems.isEmpty }
}

extension ServiceStatus {
    /// The problems of this service, each beginning with its name.
    package var problems: [String] {
        var problems: [String] = []
        if state == .failed { problems.append("\(name): failed\(failureInWords)") }
        // A service that was stopped does not want its listeners back.
        let wantsListeners = state != .draining && state != .disabled
        for listener in listeners where wantsListeners && listener.state == .retrying {
            let again = listener.retry.map { ", next try in \($0.brief)" } ?? ""
            let why = listener.error.map { ": \($0.printable())" } ?? ""
            problems.append("\(name): cannot listen on \(listener.address.printable())\(why)\(again)")
        }
        for handler in handlers where handler.state == .unresponsive {
            problems.append(
                "\(name): handler \(handler.id.printable()) (pid \(handler.pid)) is unresponsive, "
                    + "last sign of life \(handler.lastSignOfLife.brief) ago")
        }
        for process in processes where process.state == .unresponsive {
            problems.append("\(name): pid \(process.pid) is unresponsive")
        }
        if connections.lost > 0 {
            problems.append("\(name): \(connections.lost) connections lost; this is a bug in Baton")
        }
        if !connections.isBalanced {
            problems.append("\(name): its counters do not add up; this is a bug in Baton")
        }
        return problems
    }

    /// What is known about why it does not start, to be put behind a word.
    package var failureInWords: String {
        var words = reason.map { ": \($0.printable())" } ?? ""
        if let lastFailure {
            words += "; last failed at \(lastFailure.stage.printable()): \(lastFailure.error.printable())"
        }
        return words
    }
}
