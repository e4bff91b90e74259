internal import CLinux
internal import Glibc
package import SystemPackage

/// The one place that captures `errno` and retries EINTR.
package enum SystemCall {
    /// Runs a call that answers −1 on failure, again when a signal interrupted it.
    ///
    /// EBADF and EFAULT on our own descriptors and memory are bugs of this program, never a state to
    /// live on with: they trap here.
    @discardableResult
    package static func value<Result: FixedWidthInteger & SignedInteger>(
        _ call: () -> Result
    ) throws(Errno) -> Result {
        while true {
            let result = call()
            if result != -1 { return result }
            let error = Errno(rawValue: errno)
            if error == .interrupted { continue }
            precondition(
                error != .badFileDescriptor && error != .badAddress, "system call on a bad descriptor or address")
            throw error
        }
    }

    /// Closes `number`. Linux has released the descriptor whatever close answers, so EINTR is not retried.
    static func close(_ number: Int32) {
        let result = baton_close(number)
        precondition(result == 0 || errno != EBADF, "close of a descriptor that is not open")
    }
}
