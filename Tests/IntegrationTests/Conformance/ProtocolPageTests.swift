import Foundation
import TestSupport
import Testing

/// docs/protocol.md: the handler that it shows keeps to what it says.
@Suite struct ProtocolPageTests {
    @Test("the handler in docs/protocol.md passes baton handler-test")
    func handler() throws {
        let page = try String(contentsOfFile: Repository.path("docs/protocol.md"), encoding: .utf8)
        let parts = page.components(separatedBy: "```python\n")
        let program = try #require(parts.last?.components(separatedBy: "```").first)
        let directory = try TemporaryDirectory()
        let run = try HandlerTestRun(
            ["/usr/bin/env", "python3", try directory.write("handler.py", program)], exchange: [])
        #expect(run.seen == [:])
        #expect(run.checks("passed").count >= 25)
        #expect(run.status == .exited(0))
    }
}
