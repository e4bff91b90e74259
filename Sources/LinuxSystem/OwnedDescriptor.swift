internal import CLinux
package import SystemPackage

/// A file descriptor with exactly one owner: it is closed when the owner goes.
///
/// Borrow it to use it (`borrowed`), consume it to hand it over (`release()`). Ownership is in the
/// type, so a leak or a double close does not compile.
package struct OwnedDescriptor: ~Copyable, Sendable {
    private let number: Int32

    /// Takes over `number`; the caller must not close it any more.
    package init(adopting number: Int32) {
        self.number = number
    }

    /// The descriptor for the length of a call. It stays ours: never close it, never keep it.
    package var borrowed: FileDescriptor { FileDescriptor(rawValue: number) }

    /// The number, for a system call or a log line.
    package var rawValue: Int32 { number }

    /// Gives the descriptor away without closing it; whoever gets the number owns it now.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// A second descriptor (close-on-exec) for the same open file description.
    package borrowing func duplicate() throws(Errno) -> OwnedDescriptor {
        try borrowed.duplicate()
    }

    /// A descriptor for nothing (eventfd(2)), that keeps a place in the descriptor table.
    package static func placeholder() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try SystemCall.value { baton_placeholder() })
    }

    /// Under the same number it is from now on what `other` is (dup3(2)); what it was is closed.
    package borrowing func become(_ other: FileDescriptor) throws(Errno) {
        try SystemCall.value { baton_replace(number, other.rawValue) }
    }

    deinit {
        SystemCall.close(number)
    }
}
