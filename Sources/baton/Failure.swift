internal import ArgumentParser
internal import Glibc
internal import SystemPackage

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
            try execute()
            // What was printed may be in the buffer still, and have no place where it goes.
            if fflush(nil) != 0 { throw Failure(.failed, "standard output: \(Errno(rawValue: errno))") }
        } catch {
            if !error.message.isEmpty { StandardError.write("baton: \(error.message)") }
            throw ExitCode(error.code.rawValue)
        }
    }
}
