internal import CLinux
package import SystemPackage

/// Whether anybody has accepted from a listening socket: clients wait in its backlog, and it is seen whether all of them
/// still do.
package final class Backlog {
    private let listener: FileDescriptor
    private let count: Int
    private var arrivals: Epoll

    /// Looks from now on.
    ///
    /// - Parameter listener: Stays the caller's, and open.
    /// - Returns: Nil when nobody waits, where the kernel does not tell (it does of TCP alone: TCP_INFO, whose
    ///   `tcpi_unacked` is the backlog of a listener), or without a descriptor for it.
    package init?(of listener: FileDescriptor) {
        guard var arrivals = try? Epoll(batch: 1) else { return nil }
        // Those who wait already are the first event. Counted later: who comes in between is seen twice, and not never.
        guard (try? arrivals.add(listener, [.readable, .edgeTriggered], token: 0)) != nil,
            (try? arrivals.wait(timeout: .zero)) != nil, let count = Self.count(listener), count > 0
        else { return nil }
        self.listener = listener
        self.count = count
        self.arrivals = arrivals
    }

    /// As many wait as did, and nobody has come: so nobody has been accepted. With newcomers it is not known, and false.
    package func isUntouched() -> Bool {
        Self.count(listener) == count && (try? arrivals.wait(timeout: .zero)) == 0
    }

    private static func count(_ listener: FileDescriptor) -> Int? {
        let count = baton_backlog(listener.rawValue)
        return count < 0 ? nil : Int(count)
    }
}
