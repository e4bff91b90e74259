/// One thing that a handler must do.
package struct ConformanceCheck: Sendable {
    /// As `--only` names it.
    package let name: String
    /// What must hold, in a sentence.
    package let requirement: String
    /// The section of docs/protocol.md that says so.
    package let section: String
    /// Checks that must not have failed: this one relies on what they look at, and would only repeat them.
    let prerequisites: [String]
    let body: @Sendable (Stage) throws(Finding) -> Void

    init(
        _ name: String, _ requirement: String, section: String, after prerequisites: String...,
        body: @escaping @Sendable (Stage) throws(Finding) -> Void
    ) {
        self.name = name
        self.requirement = requirement
        self.section = section
        self.prerequisites = prerequisites
        self.body = body
    }

    /// All of them, in the order of the report.
    package static let all: [ConformanceCheck] =
        registration + connections + heartbeats + batons + shortages + drains + ends + registrationBySocket
        + fullChannels + malformed + duplicates + passes
}

/// What a check has found.
package struct CheckReport: Sendable {
    package var check: ConformanceCheck
    package var verdict: Verdict
    package var duration: Duration
    /// The last that a handler that failed wrote to its standard output and error.
    package var output = ""
}

package enum Verdict: Hashable, Sendable {
    /// Remarks are no faults: something that could be better.
    case passed(remarks: [String])
    /// What was seen.
    case failed(String)
    /// Why it says nothing about this handler.
    case skipped(String)
    /// It relies on this one, which failed.
    case blocked(by: String)
}
