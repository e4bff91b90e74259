import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import ServiceTable
@testable import Supervisor

/// Sockets in directories to which others may write.
@Suite struct UnixSocketFileTests {
    private let base: TemporaryDirectory
    private var options = SocketOptions()

    init() throws {
        base = try TemporaryDirectory()
        options.mode = 0o666
    }

    private func bind(_ name: String) throws(SocketBinding.Failure) -> OwnedDescriptor {
        let path = base.path(name)
        let socket = try SocketBinding.step("socket") { () throws(Errno) in
            try Socket.make(family: AF_UNIX, .stream, nonblocking: true)
        }
        try UnixSocketFile.bind(socket.borrowed, path: path, kind: .stream, options: options)
        return socket
    }

    @Test("regression: a living socket and a file that is none are not called stale")
    func obstacles() throws {
        try base.write("file.sock", "precious")
        let live = try listener("live.sock")
        defer { live.close() }
        for (name, step) in [
            ("file.sock", "what is there is no socket"), ("live.sock", "somebody listens there"),
        ] {
            let failure = #expect(throws: SocketBinding.Failure.self) { _ = try bind(name) }
            #expect(failure?.step == step)
        }
    }

    private func listener(_ name: String) throws -> TestSocket {
        let socket = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try socket.bind(to: SocketName(unix: base.path(name)))
        try socket.listen()
        return socket
    }

    private func failure(_ body: () throws -> Void) -> Errno? {
        do { try body() } catch { return (error as? SocketBinding.Failure)?.error }
        return nil
    }

    @Test("regression: whoever may write to the directory does not get another file's mode or owner changed")
    func exchanged() throws {
        let precious = try base.write("precious", "", mode: 0o600)
        _ = try bind("it.sock")
        try check("unlink") { unlink(base.path("it.sock")) }
        try check("symlink") { symlink(precious, base.path("it.sock")) }
        let change = { [self] in try UnixSocketFile.change(path: base.path("it.sock"), to: options) }
        #expect(failure(change) == .noSuchFileOrDirectory)
        // A socket of somebody else's, linked to where ours was.
        let other = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try other.bind(to: SocketName(unix: base.path("other.sock")))
        try check("chmod") { chmod(base.path("other.sock"), 0o600) }
        try check("unlink") { unlink(base.path("it.sock")) }
        try check("link") { link(base.path("other.sock"), base.path("it.sock")) }
        #expect(failure(change) == .tooManyLinks)
        #expect(
            failure { try UnixSocketFile.setModeAndOwner(path: base.path("it.sock"), options: options) }
                == .tooManyLinks)
        for name in ["precious", "other.sock"] {
            var status = stat()
            try check("stat") { stat(base.path(name), &status) }
            #expect(status.st_mode & 0o777 == 0o600, "\(name)")
        }
    }

    @Test("a directory that others may write to is refused, unless its sticky bit keeps entries where they are")
    func openToAll() throws {
        try check("chmod") { chmod(base.path, 0o777) }
        #expect(failure { _ = try bind("it.sock") } == .permissionDenied)
        try check("chmod") { chmod(base.path, 0o1777) }
        #expect(failure { _ = try bind("it.sock") } == nil)
    }

    @Test("what stands at the path and is no socket, or is listened at, stays: a file, a link to a socket, a listener")
    func taken() throws {
        try base.write("file.sock", "precious")
        let live = try listener("live.sock")
        defer { live.close() }
        try check("symlink") { symlink("live.sock", base.path("link.sock")) }
        try check("symlink") { symlink("nowhere", base.path("dangling.sock")) }
        for name in ["file.sock", "live.sock", "link.sock", "dangling.sock"] {
            #expect(failure { _ = try bind(name) } == .addressInUse, "\(name)")
            UnixSocketFile.remove(path: base.path(name == "live.sock" ? "nothing" : name))
            var status = stat()
            try check("stat") { lstat(base.path(name), &status) }
        }
    }
}
