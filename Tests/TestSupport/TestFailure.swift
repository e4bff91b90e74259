import Glibc

/// What kept a test from going on, in a sentence.
package struct TestFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// A failed system call, with errno's text.
    package static func systemCall(_ name: String, error: Int32 = errno) -> TestFailure {
        TestFailure("\(name): \(String(cString: strerror(error))) (\(error))")
    }
}

/// The call's result, or its errno as an error; again after EINTR.
@discardableResult
package func check<Result: FixedWidthInteger & SignedInteger>(
    _ name: String, _ call: () -> Result
) throws -> Result {
    while true {
        let result = call()
        if result != -1 { return result }
        if errno != EINTR { throw TestFailure.systemCall(name) }
    }
}
