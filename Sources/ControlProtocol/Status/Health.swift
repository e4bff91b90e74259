extension SupervisorStatus {
    /// What a person should look at, a sentence each; none means healthy. A limit at work, a pause and a
    /// drain are not among them: they are what somebody asked for.
    package var problems: [String] { services.flatMap(\.problems) }

    package var isHealthy: Bool { problems.isEmpty }

    /// The answer to "is it healthy?" in a line: `healthy: 12 services, 3 handlers, 41 connections`.
    package var verdict: String {
        let health = isHealthy ? "healthy" : "not healthy"
        let handlers = services.reduce(0) { $0 + $1.handlers.count + $1.processes.count }
        let connections = services.reduce(0) { $0 + $1.connections.present }
        let paused = services.count { $0.state == .paused }
        var parts = [counted(services.count, "service")]
        if paused > 0 { parts[0] += " (\(paused) paused)" }
        parts.append(counted(handlers, "handler"))
        parts.append(counted(connections, "connection"))
        return (state == .stopping ? "stopping, \(health)" : health) + ": " + parts.joined(separator: ", ")
    }
}

extension ServiceStatus {
    /// The problems of this service, each beginning with its name.
    package var problems: [String] {
        (serving + listening + silent + miscounted).map { "\(name): \($0)" }
    }

    /// It is there, if perhaps with no room.
    private var hasServingHandler: Bool { handlers.contains { $0.state == .ready || $0.state == .busy } }

    private var serving: [String] {
        let again = retry.map { "; next try in \($0.brief)" } ?? ""
        if state == .failed { return ["failed\(reasonInWords)\(failureInWords)\(again)"] }
        // What has been started since, or serves beside it, is as good.
        guard !hasServingHandler, state != .disabled, state != .draining else { return [] }
        if let lastFailure { return [lastFailure.words + again] }
        return retry == nil ? [] : ["its handler keeps failing\(reasonInWords)\(again)"]
    }

    private var reasonInWords: String { reason.map { ": \($0.printable())" } ?? "" }
    private var failureInWords: String { lastFailure.map { "; \($0.words)" } ?? "" }

    /// A service that was stopped does not want its listeners back.
    private var listening: [String] {
        guard state != .draining, state != .disabled else { return [] }
        return listeners.filter { $0.state == .retrying }.map { listener in
            let again = listener.retry.map { ", next try in \($0.brief)" } ?? ""
            let why = listener.error.map { ": \($0.printable())" } ?? ""
            return "cannot listen on \(listener.address.printable())\(why)\(again)"
        }
    }

    private var silent: [String] {
        let stuck = handlers.filter { $0.state == .unresponsive }.map { handler in
            let since = handler.unresponsive.map { " for \($0.brief)" } ?? ""
            return "handler \(handler.id.printable()) (pid \(handler.pid)) is unresponsive\(since), "
                + "last sign of life \(handler.lastSignOfLife.brief) ago"
        }
        return stuck + processes.filter { $0.state == .unresponsive }.map { "pid \($0.pid) is unresponsive" }
    }

    private var miscounted: [String] {
        var problems: [String] = []
        if connections.lost > 0 {
            problems.append("\(counted(connections.lost, "connection")) lost; this is a bug in Baton")
        }
        if !connections.isBalanced { problems.append("its counters do not add up; this is a bug in Baton") }
        return problems
    }
}

extension StartFailure {
    package var words: String { "last failed at \(stage.printable()): \(error.printable())" }
}
