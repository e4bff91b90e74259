internal import ArgumentParser

/// `baton run --listen`: a service in options.
struct OneServiceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Listen here: 8080, 127.0.0.1:8080, [::1]:8080, /run/x.sock, udp://*:69, … May be repeated.",
            valueName: "endpoint"))
    var listen: [String] = []

    @Flag(help: "The program gets the listening or datagram socket itself, not each connection.")
    var wait = false

    @Option(help: "How the program gets its socket: inetd, systemd or ucspi.")
    var style: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Any other key of a service, its value in YAML, such as nice=5 or 'env={A: b}'. May be repeated.",
            valueName: "key=value"))
    var set: [String] = []

    @Option(name: .customShort("c"), help: ArgumentHelp("The same as --set instances=N.", valueName: "n"))
    var instances: String?

    @Option(name: .customShort("u"), help: ArgumentHelp("The same as --set user=USER.", valueName: "user"))
    var user: String?

    @Argument(parsing: .postTerminator, help: "After --: the program and its arguments.")
    var program: [String] = []

    /// Keys that say what happens with a connection, in the place of a program.
    private static let dispatch: Set<Substring> = ["exec", "handoff", "internal", "redirect", "route"]

    /// - Parameter table: What stands where a table would.
    func validate(beside table: String?) throws {
        guard !listen.isEmpty else {
            if wait || style != nil || !set.isEmpty || instances != nil || user != nil || !program.isEmpty {
                throw ValidationError("without --listen the service table says what is served and how")
            }
            return
        }
        if let table { throw ValidationError("\(table): with --listen there is no table; put -- before the program") }
        for pair in set where !pair.contains("=") || pair.hasPrefix("=") {
            throw ValidationError("--set \(pair): KEY=VALUE is expected")
        }
        for value in listen + set where value.contains(where: \.isNewline) {
            throw ValidationError("\(value): no line breaks here")
        }
        let hasDispatch = set.contains { Self.dispatch.contains($0.prefix { $0 != "=" }) }
        if program.isEmpty, !hasDispatch { throw ValidationError("say what to run: -- PROGRAM ARGUMENTS…") }
    }
}
