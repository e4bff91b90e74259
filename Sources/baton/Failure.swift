internal import ArgumentParser

/// Why a command ends without success: what standard error says, and the exit code (sysexits.h).
struct Failure: Error {
    var code: Code
    /// Empty when everything has been said.
    var message: String

    init(_ code: Code, _ message: String = "") {
        self.code = code
        self.message = message
    }

    enum Code: Int32 {
        case failed = 1
        case unavailable = 69
        case notAllowed = 77
        case tableFaults = 78
    }
}

/// A command whose failures have exit codes of their own. Wrong usage is ArgumentParser's, and 64.
protocol BatonCommand: ParsableCommand {
    func execute() throws(Failure)
}

extension BatonCommand {
    func run() throws {
        do throws(Failure) {
            StandardOutput.keepPlace()
            try execute()
            try StandardOutput.flush()
        } catch {
            if !error.message.isEmpty { StandardError.write("baton: \(error.message)") }
            throw ExitCode(error.code.rawValue)
        }
    }
}
