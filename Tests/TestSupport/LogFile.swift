import Foundation

/// The supervisor's standard error, kept in a file: nobody needs to read it for the supervisor to go on.
package final class LogFile {
    package let path: String
    private let watch: Int32

    package init(path: String) throws {
        self.path = path
        close(try check("open") { open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600) })
        watch = try check("inotify_init") { inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)) }
        try check("inotify_add_watch") { inotify_add_watch(watch, path, UInt32(IN_MODIFY)) }
    }

    deinit { close(watch) }

    package var text: String {
        // A line may be half written, and a handler's bytes need not be UTF-8.
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    package var lines: [String] {
        text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
    }

    /// What a failure's text needs of it: the last 40 lines.
    package var tail: String {
        lines.suffix(40).joined(separator: "\n")
    }

    /// The first whole line for which `matches` holds, waited for by inotify(7).
    package func waitForLine(
        _ what: String, within deadline: Deadline = Deadline(), where matches: (String) -> Bool
    ) throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if let line = text.split(separator: "\n").map(String.init).first(where: matches) { return line }
            guard waitFor(POLLIN, on: watch, until: deadline) else {
                throw TestFailure("no line of the log has \(what); it says:\n\(tail)")
            }
            while read(watch, &buffer, buffer.count) > 0 {}
        }
    }

    /// The first line that contains all of the words.
    @discardableResult
    package func wait(for words: String..., within deadline: Deadline = Deadline()) throws -> String {
        try waitForLine(words.joined(separator: " … "), within: deadline) { line in
            words.allSatisfy { line.contains($0) }
        }
    }
}
