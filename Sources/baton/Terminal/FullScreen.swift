internal import LinuxSystem
internal import SystemPackage

/// A terminal as a whole: an alternate screen, keys without echo. It is as before when the value goes away.
struct FullScreen: ~Copyable {
    private let paint: Paint
    private let keys: KeyInput
    private var shown: [String] = []
    private var size = Terminal.Size(rows: 0, columns: 0)

    // The alternate screen, without a cursor, without lines that wrap; and back.
    private static let enter = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l"
    private static let leave = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"
    // Synchronized output: terminals that know it show a frame at once, others pass over it.
    private static let frameBegin = "\u{1b}[?2026h"
    private static let frameEnd = "\u{1b}[?2026l"

    init(paint: Paint) throws(Errno) {
        self.paint = paint
        keys = try KeyInput(.standardInput)
        Self.write(Self.enter)
    }

    deinit { Self.write(Self.leave) }

    /// Of the terminal now.
    static var currentSize: Terminal.Size {
        Terminal.size(of: .standardOutput) ?? Terminal.Size(rows: 24, columns: 80)
    }

    /// Shows `lines`, as many as there are rows; only what has changed is sent.
    mutating func show(_ lines: [StyledLine], size: Terminal.Size) {
        var output = ""
        if size != self.size {
            output = "\u{1b}[2J"
            shown = []
            self.size = size
        }
        let texts = lines.prefix(size.rows).map { $0.rendered(columns: size.columns, paint: paint) }
        for row in 0..<size.rows {
            let text = row < texts.count ? texts[row] : ""
            if row < shown.count ? shown[row] != text : !text.isEmpty {
                output += "\u{1b}[\(row + 1);1H\u{1b}[2K\(text)"
            }
        }
        shown = texts
        if !output.isEmpty { Self.write(Self.frameBegin + output + Self.frameEnd) }
    }

    /// What the terminal shows is not known any more.
    mutating func forget() {
        size = Terminal.Size(rows: 0, columns: 0)
    }

    /// A terminal that is gone is nobody to tell.
    private static func write(_ text: String) {
        _ = try? FileDescriptor.standardOutput.writeAll(Array(text.utf8))
    }
}
