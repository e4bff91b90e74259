import Foundation
import TestSupport

/// A Python program that another user runs, and what it says. Killed with the value.
final class Stranger {
    private let directory: TemporaryDirectory
    private let process: TestProcess

    /// Waits until it has said `there`.
    init(_ program: String, _ arguments: String..., uid: Int = 12_345, group: String = "12345") throws {
        directory = try TemporaryDirectory()
        let script = try directory.write("stranger.py", program)
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        let said = directory.path("said")
        let output = try check("open") { open(said, O_CREAT | O_WRONLY | O_CLOEXEC, 0o644) }
        defer { [null, output].forEach { close($0) } }
        process = try TestProcess(
            "/usr/bin/setpriv",
            ["--reuid=\(uid)", "--regid=\(group)", "--clear-groups", "/usr/bin/python3", script] + arguments,
            descriptors: [null, output, output])
        try wait(for: "there\n")
    }

    var said: String { (try? directory.read("said")) ?? "" }

    func wait(for text: String) throws {
        // Under the sanitizers a flood of descriptors takes half a minute.
        guard eventually(within: Deadline(seconds: 120), { said.contains(text) }) else {
            throw TestFailure("the stranger said: \(said)")
        }
    }

    /// SIGUSR1: it is to do what it is there for.
    func go() throws {
        try process.signal(SIGUSR1)
        try wait(for: "done\n")
    }
}
