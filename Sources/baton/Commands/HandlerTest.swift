internal import ArgumentParser
internal import ControlProtocol
internal import HandlerConformance
internal import LinuxSystem
internal import SystemPackage

struct HandlerTest: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a handler through the handoff protocol, and say what it does wrong.",
        discussion: """
            For people who write persistent handlers, in any language. It plays Baton: each check starts the program \
            anew with a channel of its own, hands it connections, and looks at what it answers (docs/protocol.md). \
            No supervisor is needed, and nothing is left running.

              baton handler-test -- python3 echo.py
              baton handler-test --send 'hello\\n' --expect hello -- ./echo
              baton handler-test --only shortage --only drain -- ./echo

            Without --send and --expect, clients connect, say nothing and go, and no check looks at what is answered.

            Exit codes: 0 every check passed or did not apply; 1 one failed.
            """)

    @Option(help: ArgumentHelp("The service that the handler is told to serve.", valueName: "name"))
    var service = "test"

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "What a client sends; \\n, \\r, \\t, \\\\ and \\xHH are read as in C. At most 32 KiB.", valueName: "text"))
    var send: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What the answer to it has in it, written as for --send.", valueName: "text"))
    var expect: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What a client sends that makes the handler PASS the connection on.", valueName: "text"))
    var sendPass: String?

    @Option(help: ArgumentHelp("Run this check alone. May be repeated.", valueName: "check"))
    var only: [String] = []

    @Option(
        help: ArgumentHelp(
            "The longest that anything the handler must do may take, its start included, such as 500ms or 5s.",
            valueName: "time"))
    var timeout = "5s"

    @Flag(help: "Print the checks, and run none.")
    var list = false

    @Flag(help: "Print one JSON object instead.")
    var json = false

    @Argument(parsing: .postTerminator, help: "After --: the handler and its arguments.")
    var program: [String] = []

    /// The longest --timeout.
    private static let longestTimeout = Duration.seconds(3600)

    func validate() throws {
        for name in only where !ConformanceCheck.all.contains(where: { $0.name == name }) {
            throw ValidationError("--only \(name): there is no such check; see --list")
        }
        guard let patience = Duration(text: timeout), patience > .zero, patience <= Self.longestTimeout else {
            throw ValidationError("--timeout \(timeout): a time with its unit is expected, such as 500ms or 5s")
        }
        for (option, text) in [("--send", send), ("--expect", expect), ("--send-pass", sendPass)] {
            guard let text else { continue }
            guard let bytes = EscapedText.bytes(of: text), bytes.count <= Subject.mostRequestBytes else {
                throw ValidationError("\(option) \(text): wrong escape, or over \(Subject.mostRequestBytes) bytes")
            }
        }
        if list { return }
        guard let name = program.first else { throw ValidationError("say what to test: -- PROGRAM ARGUMENTS…") }
        guard Subject.program(named: name) != nil else { throw ValidationError("\(name): there is no such program") }
    }

    func execute() throws(Failure) {
        let checks = ConformanceCheck.all.filter { only.isEmpty || only.contains($0.name) }
        var report = ConformanceReport(width: checks.map(\.name.count).max() ?? 0)
        if list { return print(json ? ConformanceReport.list(checks).text : report.lines(of: checks)) }
        let reports: [CheckReport]
        do throws(Errno) {
            var run = try ConformanceRun(subject, checks)
            reports = try run.run { check in
                report.count(check)
                if !json { print(report.lines(of: check)) }
            }
        } catch .interrupted {
            throw Failure(.failed, "interrupted")
        } catch {
            throw Failure(.failed, "the test itself failed: \(error)")
        }
        print(json ? report.json(of: reports, program: program, service: service).text : "\n" + report.summary)
        if report.failed > 0 { throw Failure(.failed) }
    }

    /// Its options are valid.
    private var subject: Subject {
        let name = program.first ?? ""
        var subject = Subject(path: Subject.program(named: name) ?? name, arguments: program)
        subject.service = service
        subject.exchange.request = send.flatMap(EscapedText.bytes) ?? []
        subject.exchange.answer = expect.flatMap(EscapedText.bytes)
        subject.exchange.passRequest = sendPass.flatMap(EscapedText.bytes)
        subject.patience = Duration(text: timeout) ?? subject.patience
        return subject
    }
}
