internal import Glibc
package import SystemPackage

/// A thread that nobody joins (pthread_create(3)). For libraries only: the supervisor has one thread.
package enum DetachedThread {
    /// Runs `body` on a new thread.
    ///
    /// - Throws: EAGAIN when the process may have no more threads; `body` does not run then.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        let start = unsafe Unmanaged.passRetained(Start(body))
        var thread = pthread_t()
        let error = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        guard error == 0 else {
            unsafe start.release()
            throw Errno(rawValue: error)
        }
        pthread_detach(thread)
    }

    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }
}
