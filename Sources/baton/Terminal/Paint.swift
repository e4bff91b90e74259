internal import ControlProtocol
internal import Glibc
internal import LinuxSystem

/// Colour for words: on a terminal only, and never with NO_COLOR (no-color.org).
struct Paint {
    var isOn: Bool

    /// For standard output.
    static var forOutput: Paint {
        Paint(
            isOn: isatty(STDOUT_FILENO) == 1 && CurrentProcess.environment("NO_COLOR") == nil
                && CurrentProcess.environment("TERM") != "dumb")
    }

    func good(_ text: String) -> String { sequence("32", text) }
    func bad(_ text: String) -> String { sequence("31", text) }
    func odd(_ text: String) -> String { sequence("33", text) }
    func strong(_ text: String) -> String { sequence("1", text) }
    func faint(_ text: String) -> String { sequence("2", text) }
    func selected(_ text: String) -> String { sequence("7", text) }

    private func sequence(_ code: String, _ text: String) -> String {
        isOn && !text.isEmpty ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}
