internal import SystemPackage

/// Why a check ends before its end.
struct Finding: Error {
    enum Kind {
        /// The handler does something wrong.
        case fault
        /// The check says nothing about this handler.
        case inapplicable
    }

    var kind: Kind
    /// What was seen, or why there was nothing to see.
    var text: String
    /// The last that the handler wrote to its standard output and error.
    var output = ""

    static func fault(_ text: String) -> Finding { Finding(kind: .fault, text: text) }
    static func inapplicable(_ text: String) -> Finding { Finding(kind: .inapplicable, text: text) }
}

/// Runs a system call of the kit's own; a failure says nothing about the handler.
func own<Result: ~Copyable>(_ call: String, _ body: () throws(Errno) -> Result) throws(Finding) -> Result {
    do throws(Errno) {
        return try body()
    } catch {
        throw .fault("the test itself failed in \(call): \(error)")
    }
}

func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(Finding) {
    guard condition else { throw .fault(text()) }
}
