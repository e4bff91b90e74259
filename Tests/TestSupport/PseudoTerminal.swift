import Foundation

/// A terminal with a program in it, as a person sees it: what is shown, and keys.
package final class PseudoTerminal {
    package let process: TestProcess
    private let master: Int32
    private let slave: Int32
    private var screen: ScreenText

    /// - Parameter arguments: The program and its arguments; the terminal becomes its controlling terminal.
    package init(
        _ arguments: [String], environment: [String: String] = [:], rows: Int = 24, columns: Int = 80
    ) throws {
        (master, slave) = try Self.open()
        screen = ScreenText(rows: rows, columns: columns)
        try Self.setSize(of: master, rows, columns)
        let variables = ["PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8"]
        process = try TestProcess(
            "/usr/bin/setsid", ["--ctty"] + arguments, environment: variables.merging(environment) { $1 },
            descriptors: [slave, slave, slave])
    }

    /// A pair as posix_openpt(3) and unlockpt(3) make it; Glibc's module hides them.
    private static func open() throws -> (master: Int32, slave: Int32) {
        let flags = O_RDWR | O_NOCTTY | O_CLOEXEC
        let master = try check("open /dev/ptmx") { Glibc.open("/dev/ptmx", flags) }
        var (lock, number): (Int32, UInt32) = (0, 0)
        try check("TIOCSPTLCK") { ioctl(master, 0x4004_5431, &lock) }
        try check("TIOCGPTN") { ioctl(master, 0x8004_5430, &number) }
        return (master, try check("open the slave") { Glibc.open("/dev/pts/\(number)", flags) })
    }

    deinit {
        close(master)
        close(slave)
    }

    package func type(_ keys: String) throws {
        let bytes = Array(keys.utf8)
        try check("write") { write(master, bytes, bytes.count) }
    }

    /// The program hears of it by SIGWINCH.
    package func resize(rows: Int, columns: Int) throws {
        screen = ScreenText(rows: rows, columns: columns)
        try Self.setSize(of: master, rows, columns)
    }

    private static func setSize(of terminal: Int32, _ rows: Int, _ columns: Int) throws {
        var size = winsize()
        (size.ws_row, size.ws_col) = (UInt16(rows), UInt16(columns))
        try check("TIOCSWINSZ") { ioctl(terminal, UInt(TIOCSWINSZ), &size) }
    }

    /// Whether keys are echoed and come in lines, as a shell wants it.
    package var isAsShellsWantIt: Bool {
        var mode = termios()
        return tcgetattr(slave, &mode) == 0 && mode.c_lflag & UInt32(ECHO) != 0 && mode.c_lflag & UInt32(ICANON) != 0
    }

    /// A program has the whole screen to itself.
    package var isFullScreen: Bool { screen.isAlternate }
    package var lines: [String] { screen.lines }

    /// Waits until the screen is as wanted.
    package func wait(
        for what: String, within deadline: Deadline = Deadline(), where holds: (PseudoTerminal) -> Bool
    ) throws {
        while screen.isDrawing || !holds(self) {
            guard waitFor(POLLIN, on: master, until: deadline) else {
                throw TestFailure("not \(what):\n\(lines.joined(separator: "\n"))")
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = read(master, &buffer, buffer.count)
            guard count > 0 else { throw TestFailure("the terminal is gone: not \(what)") }
            screen.take(buffer[..<count])
        }
    }

    /// Waits until a line has `text` in it.
    package func wait(for text: String, within deadline: Deadline = Deadline()) throws {
        try wait(for: "shown: \(text)", within: deadline) { $0.lines.contains { $0.contains(text) } }
    }
}

/// What a terminal shows: as much of ECMA-48 and xterm's control sequences as `baton top` and a shell use.
private struct ScreenText {
    private var cells: [[Unicode.Scalar]]
    private var (row, column) = (0, 0)
    private(set) var isAlternate = false
    /// Within a frame that is to be shown at once (synchronized output).
    private(set) var isDrawing = false
    private var pending: [UInt8] = []

    init(rows: Int, columns: Int) {
        cells = Array(repeating: Array(repeating: " ", count: columns), count: rows)
    }

    /// Without blanks at their ends.
    var lines: [String] {
        cells.map { line in
            String(String.UnicodeScalarView(line)).replacing(/\s+$/, with: "")
        }
    }

    mutating func take(_ bytes: some Sequence<UInt8>) {
        pending += bytes
        while let length = step() { pending.removeFirst(length) }
    }

    /// Carries out what stands first; nil when it is not complete.
    private mutating func step() -> Int? {
        guard let first = pending.first else { return nil }
        switch first {
        case 0x1b: return escape()
        case 0x0a: down()
        case 0x0d: column = 0
        case 0x08: column = max(0, column - 1)
        case 0..<0x20: break
        default:
            let length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
            guard pending.count >= length else { return nil }
            for scalar in String(decoding: pending[..<length], as: UTF8.self).unicodeScalars { put(scalar) }
            return length
        }
        return 1
    }

    private mutating func down() {
        row += 1
        guard row == cells.count else { return }
        row -= 1
        cells.removeFirst()
        cells.append(Array(repeating: " ", count: cells.first?.count ?? 80))
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        if column < cells[row].count { cells[row][column] = scalar }
        column += 1
    }

    private mutating func escape() -> Int? {
        guard pending.count > 1 else { return nil }
        guard pending[1] == UInt8(ascii: "[") else { return 2 }
        guard let end = pending.dropFirst(2).firstIndex(where: { (0x40..<0x7f).contains($0) }) else { return nil }
        let parameters = String(decoding: pending[2..<end], as: UTF8.self)
        let numbers = parameters.split(separator: ";").compactMap { Int($0) }
        switch (pending[end], parameters) {
        case (UInt8(ascii: "H"), _):
            row = min((numbers.first ?? 1) - 1, cells.count - 1)
            column = (numbers.count > 1 ? numbers[1] : 1) - 1
        case (UInt8(ascii: "K"), _):
            let from = numbers.first == 2 ? 0 : min(column, cells[row].count)
            for place in from..<cells[row].count { cells[row][place] = " " }
        case (UInt8(ascii: "J"), "2"): erase()
        case (UInt8(ascii: "h"), "?2026"): isDrawing = true
        case (UInt8(ascii: "l"), "?2026"): isDrawing = false
        case (UInt8(ascii: "h"), "?1049"):
            isAlternate = true
            erase()
        case (UInt8(ascii: "l"), "?1049"):
            isAlternate = false
            (row, column) = (0, 0)
            erase()
        default: break
        }
        return end + 1
    }

    private mutating func erase() {
        for row in cells.indices { cells[row] = Array(repeating: " ", count: cells[row].count) }
    }
}
