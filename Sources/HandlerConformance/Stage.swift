internal import LinuxSystem

/// What a check has to work with.
final class Stage {
    let subject: Subject
    private(set) var remarks: [String] = []

    init(_ subject: Subject) {
        self.subject = subject
    }

    /// Says what is no fault and could be better.
    func remark(_ text: String) {
        if !remarks.contains(text) { remarks.append(text) }
    }

    /// Starts the handler anew, and ends it when `body` has. What it did until then is what counts.
    ///
    /// - Parameter welcomes: Takes REGISTER and sends WELCOME first.
    func run<Result>(
        welcomes: Bool = true, smallChannel: Bool = false, _ body: (Trial) throws(Finding) -> Result
    ) throws(Finding) -> Result {
        let trial = try Trial(subject, smallChannel: smallChannel)
        return try conclude(trial) { trial throws(Finding) in
            if welcomes { try trial.welcome() }
            return try body(trial)
        }
    }

    /// As `run`, with a handler that Baton does not start: it registers at a socket in a runtime directory.
    func runRegistering<Result>(_ body: (Trial) throws(Finding) -> Result) throws(Finding) -> Result {
        try conclude(try Trial(registering: subject), body)
    }

    private func conclude<Result>(
        _ trial: Trial, _ body: (Trial) throws(Finding) -> Result
    ) throws(Finding) -> Result {
        defer { trial.finish() }
        do throws(Finding) {
            return try body(trial)
        } catch {
            var finding = error
            finding.output = trial.process.lastOutput
            throw finding
        }
    }
}

extension ConformanceCheck {
    /// Runs the check to its end.
    func report(on subject: Subject) -> CheckReport {
        let start = Clock.now()
        let stage = Stage(subject)
        var output = ""
        let verdict: Verdict
        do throws(Finding) {
            try body(stage)
            verdict = .passed(remarks: stage.remarks)
        } catch {
            output = error.output
            verdict = error.kind == .fault ? .failed(error.text) : .skipped(error.text)
        }
        return CheckReport(check: self, verdict: verdict, duration: Clock.now() - start, output: output)
    }
}
