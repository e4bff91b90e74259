import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct BacklogTests {
    @Test("as long as all who waited do, and nobody has come, nobody has been accepted")
    func untouched() throws {
        let listener = try TestSocket.bound()
        try listener.listen()
        let descriptor = FileDescriptor(rawValue: listener.descriptor)
        #expect(Backlog(of: descriptor) == nil, "nobody waits")
        let clients = try (0..<2).map { _ in try TestSocket.tcp(port: listener.localPort) }
        let backlog = try #require(Backlog(of: descriptor))
        #expect(backlog.isUntouched() && backlog.isUntouched())
        let served = try listener.accept()
        #expect(!backlog.isUntouched())
        // As many as before, but one of them is new.
        let newcomer = try TestSocket.tcp(port: listener.localPort)
        #expect(!backlog.isUntouched())
        for each in clients + [served, newcomer] { each.close() }
    }

    @Test("of sockets other than TCP nothing is known")
    func unix() throws {
        let directory = try TemporaryDirectory()
        let listener = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try listener.bind(to: SocketName(unix: directory.path("s")))
        try listener.listen()
        let client = try TestSocket.unix(directory.path("s"))
        #expect(Backlog(of: FileDescriptor(rawValue: listener.descriptor)) == nil)
        client.close()
    }
}
