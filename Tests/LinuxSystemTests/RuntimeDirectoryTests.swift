import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Where a supervisor's sockets are, and which directories are trusted with them.
@Suite struct RuntimeDirectoryTests {
    @Test("the default directory of a uid, and its mode")
    func standard() {
        func standard(_ uid: UInt32, _ session: String?) -> String {
            RuntimeDirectory.standard(uid: uid, session: session).path
        }
        #expect(standard(0, nil) == "/run/baton")
        #expect(standard(0, "/run/user/0") == "/run/baton")
        #expect(standard(7, "/run/user/7") == "/run/user/7/baton")
        #expect(standard(7, nil) == "/tmp/baton-7")
        #expect(standard(7, "") == "/tmp/baton-7")
        #expect(standard(7, "relative") == "/tmp/baton-7")
        #expect(RuntimeDirectory.standard(uid: 7, session: nil).mode == 0o700, "others may not even look into it")
        #expect(RuntimeDirectory.standard(uid: 0, session: nil).mode == 0o755)
        #expect(RuntimeDirectory.standard(uid: 7, session: nil).of(pid: 42).path == "/tmp/baton-7-42")
    }

    @Test("one's own directory is opened; it is made with its mode whatever the umask is, and only if missing")
    func make() throws {
        let base = try TemporaryDirectory()
        let directory = RuntimeDirectory(path: base.path("run"))
        #expect(throws: RuntimeDirectoryError.missing(directory.path)) { _ = try directory.open() }
        let before = umask(0o077)
        defer { umask(before) }
        #expect(try directory.makeIfMissing())
        #expect(try !directory.makeIfMissing())
        _ = try directory.open()
        var status = stat()
        try check("stat") { stat(directory.path, &status) }
        #expect(status.st_mode & 0o777 == 0o755)
        directory.remove()
        #expect(throws: RuntimeDirectoryError.missing(directory.path)) { _ = try directory.open() }
    }

    @Test("a symbolic link is refused, with slashes behind it too; so is a file")
    func link() throws {
        let base = try TemporaryDirectory()
        #expect(try RuntimeDirectory(path: base.path("real")).makeIfMissing())
        try check("symlink") { symlink(base.path("real"), base.path("link")) }
        for path in [base.path("link"), base.path("link/"), base.path("link///"), try base.write("file", "")] {
            let directory = RuntimeDirectory(path: path)
            #expect(throws: RuntimeDirectoryError.noDirectory(directory.path)) { _ = try directory.open() }
        }
    }

    @Test("a directory that everybody may write to is refused, sticky bit or not")
    func openToAll() throws {
        let base = try TemporaryDirectory()
        for mode in [0o1777, 0o777, 0o757] as [mode_t] {
            try check("chmod") { chmod(base.path, mode) }
            #expect(throws: RuntimeDirectoryError.openToAll(base.path)) {
                _ = try RuntimeDirectory(path: base.path).open()
            }
        }
    }

    @Test("a directory of somebody else is refused", .enabled(if: geteuid() == 0))
    func foreign() throws {
        let base = try TemporaryDirectory()
        try check("chown") { chown(base.path, 65534, 65534) }
        #expect(throws: RuntimeDirectoryError.foreign(base.path, owner: 65534)) {
            _ = try RuntimeDirectory(path: base.path).open()
        }
    }

    @Test("regression: a directory that is made is never open for chmod to be led elsewhere")
    func mode() throws {
        let base = try TemporaryDirectory()
        let directory = RuntimeDirectory(path: base.path("run"))
        let precious = RuntimeDirectory(path: base.path("precious"))
        #expect(try precious.makeIfMissing())
        try check("chmod") { chmod(precious.path, 0o700) }
        try check("symlink") { symlink("precious", directory.path) }
        #expect(try !directory.makeIfMissing())
        var status = stat()
        try check("stat") { stat(precious.path, &status) }
        #expect(status.st_mode & 0o777 == 0o700)
    }

    @Test("one's own listener is connected to; where nobody listens, that is said")
    func listener() throws {
        let base = try TemporaryDirectory()
        let directory = RuntimeDirectory(path: base.path)
        let listener = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try listener.bind(to: SocketName(unix: base.path("control.sock")))
        #expect(throws: RuntimeDirectoryError.unreachable(base.path("control.sock"), .connectionRefused)) {
            _ = try directory.connected(to: "control.sock", .stream)
        }
        try listener.listen()
        _ = try directory.connected(to: "control.sock", .stream)
    }
}
