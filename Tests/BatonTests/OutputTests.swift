import TestSupport
import Testing

/// What becomes of standard input and output that are not as they should be.
@Suite struct OutputTests {
    private func shell(_ command: String) throws -> ProgramOutput {
        try runProgram("/bin/sh", ["-c", "exec \(Repository.product("baton")) \(command)"])
    }

    @Test("output that is lost is told, with exit 1, whatever its size", arguments: ["> /dev/full", ">&-", "<&- >&-"])
    func lostOutput(_ redirection: String) throws {
        let directory = try TemporaryDirectory()
        let lines = (1...200).map { "\($0) stream tcp nowait a /x/f /x/f\n" }
        for (name, count) in [("small", 1), ("big", 200)] {
            try directory.write(name, lines.prefix(count).joined())
            for option in ["", "--json"] {
                let output = try shell("import inetd --no-resolve \(option) \(directory.path(name)) \(redirection)")
                #expect(output.status == .exited(1))
                #expect(output.standardError.hasPrefix("baton: standard output: "), "\(output.standardError)")
            }
        }
    }

    @Test("pass without a descriptor 0 says so")
    func closedInput() throws {
        for redirection in ["<&-", "<&- >&-"] {
            let output = try shell("pass x \(redirection)")
            #expect(output.status == .exited(1))
            #expect(output.standardError.contains("descriptor 0 is not open"), "\(output.standardError)")
        }
    }
}
