internal import CLinux

/// What a launcher makes of itself.
package enum LaunchProcess {
    /// Names the process, sets every signal to its default, and blocks them all: the launcher ends with its
    /// channel, or by SIGKILL, and a signal meant for the supervisor does not interrupt a job.
    ///
    /// - Returns: What children need no resetting of.
    package static func settle(name: String) -> SignalDispositions {
        unsafe baton_set_name(name)
        let dispositions = SignalDispositions.reset()
        baton_signals_block()
        return dispositions
    }
}
