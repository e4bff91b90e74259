internal import HandoffProtocol
internal import LinuxSystem

extension ConformanceCheck {
    /// How a handler opens its channel.
    static let registration: [ConformanceCheck] = [
        ConformanceCheck(
            "register", "REGISTER comes first: version 1, known traits, the name in BATON_SERVICE",
            section: "Opening a channel"
        ) { stage throws(Finding) in
            try stage.run(welcomes: false) { trial throws(Finding) in
                try trial.awaitRegistration()
                try trial.pump(within: .zero)
                let service = trial.record.registration?.service ?? ""
                try require(
                    service == stage.subject.service,
                    "REGISTER names \"\(service)\", BATON_SERVICE is \"\(stage.subject.service)\"")
                try require(trial.record.passes.isEmpty, "PASS came before WELCOME")
                try trial.send(.welcome(heartbeatMilliseconds: Trial.heartbeatMilliseconds))
                try trial.pump(within: .zero)
                try require(!trial.hasHungUp, "it closed the channel after WELCOME")
            }
        },
        ConformanceCheck(
            "close-on-exec", "the channel has FD_CLOEXEC by the time of REGISTER, in one process only",
            section: "Opening a channel", after: "register"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                guard let channel = trial.channelTarget, !trial.holders.isEmpty else {
                    throw .inapplicable("its descriptors cannot be seen in /proc")
                }
                for pid in trial.holders {
                    let files = ProcessFiles(of: pid)
                    for number in files.numbers(of: channel) where files.closesOnExec(number) == false {
                        throw .fault(
                            "descriptor \(number) of process \(pid) is the channel, without FD_CLOEXEC: "
                                + "any program that it starts keeps the channel open")
                    }
                }
                try require(trial.holders.count <= 1, "processes \(trial.holders) hold the channel")
            }
        },
    ]

    /// How one that Baton does not start does it.
    static let registrationBySocket: [ConformanceCheck] = [
        ConformanceCheck(
            "register-socket", "without BATON_CHANNEL it registers at BATON_RUNTIME_DIRECTORY/register.sock",
            section: "Opening a channel", after: "answer", "drain-idle"
        ) { stage throws(Finding) in
            try stage.runRegistering { trial throws(Finding) in
                try trial.welcome()
                let service = trial.record.registration?.service ?? ""
                try require(service == stage.subject.service, "REGISTER names \"\(service)\"")
                try trial.complete(try trial.baton())
                try trial.send(.drain)
                try trial.wait(for: "the end of the channel after DRAIN", comesByChannel: false) {
                    trial.hasHungUp || trial.process.end != nil
                }
            }
        }
    ]
}
