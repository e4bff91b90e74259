import Glibc
import LinuxSystem
import TestSupport

/// A runtime directory in which handlers may register once somebody listens.
final class FakeRuntimeDirectory: Sendable {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    var path: String { directory.path }

    /// The supervisor's side of the first handler that comes, waited for.
    func accept() throws -> FakeSupervisor {
        let listener = try Socket.make(family: AF_UNIX, .sequencedPacket)
        try Socket.bind(listener.borrowed, to: .unix(path: directory.path("register.sock")))
        try Socket.listen(listener.borrowed, backlog: 16)
        let accepted = try Socket.accept(listener.borrowed)
        return FakeSupervisor(try accepted.descriptor.duplicate())
    }
}
