import Foundation

/// A program that talks to a person: its input and output are one end of a socket pair, the test has the other.
package final class TestTerminal {
    private let descriptor: Int32
    private let process: TestProcess
    private var said: [UInt8] = []

    package init(_ program: String, _ arguments: [String]) throws {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, TestSocket.stream | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        descriptor = ends[0]
        let theirs = ends[1]
        defer { close(theirs) }
        process = try TestProcess(program, arguments, descriptors: [theirs, theirs, theirs])
    }

    deinit { close(descriptor) }

    /// Waits until the program has said `words`, behind what was waited for before.
    package func wait(for words: String, within deadline: Deadline = Deadline(seconds: 60)) throws {
        let wanted = Array(words.utf8)
        while true {
            if let found = said.firstRange(of: wanted) {
                said.removeSubrange(..<found.upperBound)
                return
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            guard waitFor(POLLIN, on: descriptor, until: deadline) else {
                throw TestFailure("it has not said \(words), but: \(String(decoding: said, as: UTF8.self))")
            }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else {
                throw TestFailure("it ended before \(words): \(String(decoding: said, as: UTF8.self))")
            }
            said += buffer[..<count]
        }
    }

    package func type(_ text: String) throws {
        let bytes = Array(text.utf8)
        try check("write") { write(descriptor, bytes, bytes.count) }
    }

    /// The person goes away.
    package func hangUp() {
        try? process.signal(SIGKILL)
        _ = try? process.wait()
    }
}
