import ControlProtocol
import TestSupport

/// A run of `baton handler-test --json`.
struct HandlerTestRun {
    let status: TestProcess.ExitStatus
    /// The verdicts by check, in the order of the report.
    let verdicts: [(check: String, verdict: String)]
    /// What was seen, by check.
    let seen: [String: String]
    let remarks: [String]

    /// What clients of an echo handler send and expect.
    static let echo = ["--send", "hello there\\n", "--expect", "hello there\\n"]

    /// - Parameter patience: What `--timeout` says. A check that finds a fault may take so long.
    init(
        _ handler: [String], patience: String = "20s", exchange: [String] = HandlerTestRun.echo,
        _ options: [String] = []
    ) throws {
        let output = try runProgram(
            Repository.product("baton"),
            ["handler-test", "--json", "--timeout", patience] + exchange + options + ["--"] + handler,
            deadline: Deadline(seconds: 120))
        status = output.status
        let report = try JSON(parsing: Array(output.standardOutput.utf8))
        let checks = (report.object?["checks"]?.array ?? []).compactMap(\.object)
        verdicts = checks.map { (check: $0["name"]?.string ?? "", verdict: $0["verdict"]?.string ?? "") }
        seen = Dictionary(
            checks.compactMap { check in
                check["seen"]?.string.map { (check["name"]?.string ?? "", $0) }
            }, uniquingKeysWith: { first, _ in first })
        remarks = checks.flatMap { $0["remarks"]?.array ?? [] }.compactMap(\.string)
    }

    func checks(_ verdict: String) -> [String] {
        verdicts.filter { $0.verdict == verdict }.map(\.check)
    }
}
