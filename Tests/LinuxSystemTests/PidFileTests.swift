import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// The file by which a supervisor knows that it is alone.
@Suite struct PidFileTests {
    private let base: TemporaryDirectory

    init() throws {
        base = try TemporaryDirectory()
    }

    private var path: String { base.path(PidFile.name) }

    private func make() throws -> PidFile {
        let directory = try RuntimeDirectory(path: base.path).open()
        return try PidFile(in: directory.borrowed)
    }

    @Test("it has the pid, and a second one does not get the lock")
    func lock() throws {
        let file = try make()
        #expect(try base.read(PidFile.name) == "\(getpid())\n")
        #expect(throws: Errno.wouldBlock) { _ = try make() }
        _ = consume file
        _ = try make()
    }

    @Test("regression: nobody else may read it, also if it was left open to all, for who may read may lock")
    func mode() throws {
        try base.write(PidFile.name, "1\n", mode: 0o644)
        _ = try make()
        var status = stat()
        try check("stat") { stat(path, &status) }
        #expect(status.st_mode & 0o7777 == 0o600)
    }

    @Test("regression: what a name of another file leads to is not emptied: a hard link, a symbolic one")
    func links() throws {
        try base.write("precious", "precious")
        try check("link") { link(base.path("precious"), path) }
        #expect(throws: Errno.tooManyLinks) { _ = try make() }
        try check("unlink") { unlink(path) }
        try check("symlink") { symlink(base.path("precious"), path) }
        #expect(throws: Errno.tooManySymbolicLinkLevels) { _ = try make() }
        #expect(try base.read("precious") == "precious")
    }

    @Test("what is no regular file, or somebody else's, is refused and not waited for")
    func others() throws {
        try check("mkfifo") { mkfifo(path, 0o600) }
        #expect(throws: Errno.notPermitted) { _ = try make() }
        try check("unlink") { unlink(path) }
        guard geteuid() == 0 else { return }
        try base.write(PidFile.name, "theirs")
        try check("chown") { chown(path, 65534, 65534) }
        #expect(throws: Errno.notPermitted) { _ = try make() }
        #expect(try base.read(PidFile.name) == "theirs")
    }
}
