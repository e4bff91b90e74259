internal import CLinux
internal import Glibc
package import SystemPackage

/// Questions to a terminal.
package enum Terminal {
    package struct Size: Hashable, Sendable {
        package var rows: Int
        package var columns: Int

        package init(rows: Int, columns: Int) {
            self.rows = rows
            self.columns = columns
        }
    }

    package static func isTerminal(_ descriptor: FileDescriptor) -> Bool {
        isatty(descriptor.rawValue) == 1
    }

    /// Nil where it does not know its size.
    package static func size(of descriptor: FileDescriptor) -> Size? {
        var (rows, columns): (UInt16, UInt16) = (0, 0)
        guard unsafe baton_window_size(descriptor.rawValue, &rows, &columns) == 0, rows > 0, columns > 0 else {
            return nil
        }
        return Size(rows: Int(rows), columns: Int(columns))
    }

    /// Stops this process as ^Z does (SIGTSTP); returns when it goes on.
    package static func suspend() {
        _ = baton_suspend()
    }
}

/// A terminal that gives keys as they are struck and shows none, until the value goes away. ^C and ^Z make signals.
package struct KeyInput: ~Copyable {
    private let descriptor: FileDescriptor
    private var before = termios()

    /// - Parameter terminal: It stays the caller's, who closes it later than this value goes.
    package init(_ terminal: FileDescriptor) throws(Errno) {
        descriptor = terminal
        var before = termios()
        try SystemCall.value { unsafe baton_read_keys(terminal.rawValue, &before) }
        self.before = before
    }

    deinit {
        var before = before
        _ = unsafe tcsetattr(descriptor.rawValue, TCSADRAIN, &before)
    }
}
