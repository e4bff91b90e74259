import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// What is done to the entries of a directory that others may write to as well.
@Suite final class DirectoryTests {
    private let base: TemporaryDirectory
    private let directory: Directory

    init() throws {
        base = try TemporaryDirectory()
        directory = try Directory(trusted: base.path, makingMissing: 0o755)
        let socket = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try socket.bind(to: SocketName(unix: base.path("it.sock")))
    }

    private func status(_ name: String) throws -> stat {
        var status = stat()
        try check("stat") { lstat(base.path(name), &status) }
        return status
    }

    /// Whoever may write to the directory puts something else in the place of `it.sock`.
    private func exchange(for target: String) throws {
        try check("rename") { rename(base.path("it.sock"), base.path("moved.sock")) }
        try check("symlink") { symlink(target, base.path("it.sock")) }
    }

    @Test("regression: mode and owner of an entry that is held are its own, whatever its name leads to meanwhile")
    func held() throws {
        try base.write("precious", "", mode: 0o600)
        let entry = try directory.entry("it.sock").socket()
        try exchange(for: base.path("precious"))
        try entry.setMode(0o666)
        #expect(try status("precious").st_mode & 0o777 == 0o600)
        #expect(try status("moved.sock").st_mode & 0o777 == 0o666)
        guard geteuid() == 0 else { return }
        try entry.setOwner(65534, group: nil)
        #expect(try status("precious").st_uid == 0)
        #expect(try status("moved.sock").st_uid == 65534)
        #expect(try status("moved.sock").st_gid == 0)
    }

    @Test("a symbolic link is no socket, wherever it leads; a socket with a second name may be somebody else's")
    func links() throws {
        try check("symlink") { symlink(base.path("it.sock"), base.path("link.sock")) }
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try directory.entry("link.sock").socket() }
        try check("link") { link(base.path("it.sock"), base.path("second.sock")) }
        for name in ["it.sock", "second.sock"] {
            #expect(throws: Errno.tooManyLinks) { _ = try directory.entry(name).socket() }
        }
    }

    @Test("an entry is removed only while it is the one that was looked at")
    func remove() throws {
        let entry = try directory.entry("it.sock")
        try exchange(for: "nowhere")
        #expect(throws: Errno.fileExists) { try directory.remove("it.sock", ifStill: entry) }
        try check("rename") { rename(base.path("moved.sock"), base.path("it.sock")) }
        try directory.remove("it.sock", ifStill: entry)
        #expect(throws: (any Error).self) { try status("it.sock") }
    }

    @Test("regression: what is appended to has one name only, and no link leads there but root's or one's own")
    func appending() throws {
        try base.write("logs/precious", "precious")
        try check("link") { link(base.path("logs/precious"), base.path("logs/hard.log")) }
        #expect(throws: Errno.tooManyLinks) { _ = try OwnedDescriptor.appending(to: base.path("logs/hard.log")) }
        try check("symlink") { symlink("precious", base.path("logs/soft.log")) }
        #expect(throws: Errno.tooManySymbolicLinkLevels) {
            _ = try OwnedDescriptor.appending(to: base.path("logs/soft.log"))
        }
        try check("symlink") { symlink("logs", base.path("way")) }
        _ = try OwnedDescriptor.appending(to: base.path("way/own.log"))
        #expect(try base.read("logs/own.log") == "")
        if geteuid() == 0 {
            try check("chown") { lchown(base.path("way"), 65534, 65534) }
            #expect(throws: Errno.tooManySymbolicLinkLevels) {
                _ = try OwnedDescriptor.appending(to: base.path("way/own.log"))
            }
        }
        try check("chmod") { chmod(base.path("logs"), 0o777) }
        #expect(throws: Errno.permissionDenied) { _ = try OwnedDescriptor.appending(to: base.path("logs/own.log")) }
        #expect(try base.read("logs/precious") == "precious")
    }
}
