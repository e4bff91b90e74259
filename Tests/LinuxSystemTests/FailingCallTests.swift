import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// What each function makes of a system call that fails: the error as it is, or an outcome with a name.
@Suite struct FailingCallTests {
    /// What is called, and which of its system calls fails with what. Interrupted ones are begun anew, for ever here.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let calls: [String]
        let errors: [Int32]
        let run: @Sendable () throws -> Void

        init(
            _ name: String, _ calls: String..., with errors: Int32..., run: @escaping @Sendable () throws -> Void
        ) {
            (self.name, self.calls, self.errors, self.run) = (name, calls, errors, run)
        }

        var testDescription: String { "\(name): \(calls.first ?? "")" }
    }

    @Test("it throws the error as the kernel gave it", arguments: sockets + descriptors + files + memory)
    func throwing(_ one: Case) throws {
        for error in one.errors {
            let thrown = try withFailing(one.calls, error) { () -> String in
                do {
                    try one.run()
                    return "nothing"
                } catch let thrown as Errno {
                    return "\(thrown.rawValue)"
                } catch FileContents.Failure.unreadable(let thrown) {
                    return "\(thrown.rawValue)"
                } catch RuntimeDirectoryError.failed(_, let thrown) {
                    return "\(thrown.rawValue)"
                } catch ProgramRun.Failure.notStarted(let thrown) {
                    return "\(thrown.rawValue)"
                }
            }
            #expect(thrown == "\(error)")
        }
    }

    /// Open for as long as it is used.
    private static func open(_ descriptor: consuming OwnedDescriptor, _ use: (FileDescriptor) throws -> Void) throws {
        try use(descriptor.borrowed)
        _ = consume descriptor
    }

    private static func withPair(_ kind: Socket.Kind, _ use: (FileDescriptor) throws -> Void) throws {
        let pair = try Socket.pair(kind)
        try use(pair.ours.borrowed)
        _ = consume pair
    }

    private static let loopback = SocketAddress.ipv4(IPv4Address(bits: 0x7f00_0001), port: 0)

    private static let sockets: [Case] = [
        Case("make", "socket", with: EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT) {
            _ = try Socket.make(family: AF_INET, .stream)
        },
        Case("pair", "socketpair", with: EMFILE, ENFILE, ENOMEM) { _ = try Socket.pair(.stream) },
        Case("bind", "bind", with: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOMEM) {
            try open(Socket.make(family: AF_INET, .stream)) { try Socket.bind($0, to: loopback) }
        },
        Case("listen", "listen", with: EADDRINUSE) {
            try open(Socket.make(family: AF_INET, .stream)) { try Socket.listen($0, backlog: 1) }
        },
        Case("connect", "connect", with: EAGAIN, ECONNREFUSED, ENETUNREACH, EPERM, ETIMEDOUT, EADDRNOTAVAIL) {
            _ = try Socket.connected(to: loopback)
        },
        Case("accept", "accept4", with: EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, ECONNABORTED, EPROTO) {
            let listener = try Socket.make(family: AF_INET, .stream)
            try Socket.listen(listener.borrowed, backlog: 1)
            _ = try Socket.accept(listener.borrowed)
        },
        Case("localAddress", "getsockname", with: ENOBUFS) {
            try open(Socket.make(family: AF_INET, .stream)) { _ = try Socket.localAddress(of: $0) }
        },
        Case("peerAddress", "getpeername", with: ENOTCONN, ENOBUFS) {
            try withPair(.stream) { _ = try Socket.peerAddress(of: $0) }
        },
        Case("set", "setsockopt", with: ENOPROTOOPT, EPERM, ENOMEM, ENOBUFS) {
            try withPair(.stream) { try Socket.set(.keepAlive, 1, on: $0) }
        },
        Case("set text", "setsockopt", with: ENOPROTOOPT, EPERM, ENODEV) {
            try open(Socket.make(family: AF_INET, .stream)) { try Socket.set(.interface, "lo", on: $0) }
        },
        Case("setResetOnClose", "setsockopt", with: ENOMEM) {
            try withPair(.stream) { try Socket.setResetOnClose($0) }
        },
        Case("setSendTimeout", "setsockopt", with: ENOMEM) {
            try withPair(.stream) { try Socket.setSendTimeout(.seconds(1), on: $0) }
        },
        Case("value", "getsockopt", with: ENOPROTOOPT, ENOMEM) {
            try withPair(.stream) { _ = try Socket.value(.keepAlive, of: $0) }
        },
        Case("peerCredentials", "getsockopt", with: ENOPROTOOPT, ENOMEM) {
            try withPair(.stream) { _ = try Socket.peerCredentials(of: $0) }
        },
        Case("setNonblocking", "fcntl", with: EPERM) {
            try withPair(.stream) { try Socket.setNonblocking($0, true) }
        },
        Case("inputQueue", "ioctl", with: EINVAL) {
            try withPair(.stream) { _ = try Socket.inputQueue($0) }
        },
        Case("outputQueue", "ioctl", with: EINVAL) {
            try withPair(.stream) { _ = try Socket.outputQueue($0) }
        },
        Case("receive datagrams", "recvmsg", with: EAGAIN, ENOMEM, ECONNREFUSED) {
            try withPair(.datagram) { _ = try Datagrams.receive(from: $0, most: 1) }
        },
        Case("send datagrams", "sendto", with: EAGAIN, ENOBUFS, ENOMEM, EPERM) {
            try open(Socket.make(family: AF_INET, .datagram)) { try Datagrams.send([1], to: loopback, on: $0) }
        },
        Case("receive a stream", "recvfrom", with: EAGAIN, ENOMEM, ECONNRESET) {
            try withPair(.stream) { _ = try Socket.receive($0, most: 1) }
        },
        Case("send descriptors", "sendmsg", with: EAGAIN, ENOBUFS, ENOMEM, ETOOMANYREFS, EPERM, EPIPE, ECONNRESET) {
            try withPair(.stream) { try DescriptorPassing.send([1], on: $0) }
        },
        Case("receive descriptors", "recvmsg", with: EAGAIN, ENOMEM, ECONNRESET) {
            var bytes: [UInt8] = [0]
            try withPair(.stream) { _ = try DescriptorPassing.receive(into: &bytes, room: 1, on: $0) }
        },
        Case("news of addresses", "socket", with: EMFILE, ENFILE, ENOMEM) { _ = try AddressNews() },
        Case("news of addresses", "bind", with: EADDRINUSE, ENOMEM) { _ = try AddressNews() },
    ]

    private static let descriptors: [Case] = [
        Case("epoll", "epoll_create1", with: EMFILE, ENFILE, ENOMEM) { _ = try Epoll() },
        Case("add", "epoll_ctl", with: ENOMEM, ENOSPC, EPERM) {
            try withPair(.stream) { try Epoll().add($0, .readable, token: 1) }
        },
        Case("pipe", "pipe2", with: EMFILE, ENFILE, ENOMEM) { _ = try LinuxSystem.Pipe() },
        Case("fill", "splice", with: EAGAIN, ENOMEM, EPIPE, ECONNRESET) {
            try withPair(.stream) { _ = try LinuxSystem.Pipe().fill(from: $0, most: 1) }
        },
        Case("signals", "signalfd4", with: EMFILE, ENFILE, ENOMEM) { _ = try SignalDescriptor([SIGUSR1]) },
        Case("placeholder", "eventfd2", with: EMFILE, ENFILE, ENOMEM) { _ = try OwnedDescriptor.placeholder() },
        Case("duplicate", "fcntl", with: EMFILE) { try withPair(.stream) { _ = try $0.duplicate() } },
        Case("process", "pidfd_open", with: EMFILE, ENFILE, ENOMEM, ESRCH) {
            _ = try ProcessDescriptor(child: getpid())
        },
        Case("signal", "pidfd_send_signal", with: EPERM, ESRCH) { try ProcessDescriptor(child: getpid()).signal(0) },
        Case("waitForEnd", "epoll_create1", with: EMFILE, ENFILE, ENOMEM) {
            try ProcessDescriptor(child: getpid()).waitForEnd()
        },
        Case("collect", "wait4", with: ECHILD) { _ = try ChildProcess.collect(getpid()) },
        Case("limits", "prlimit64", with: EPERM) { _ = try ResourceLimits.openFiles() },
        Case("limits of another", "prlimit64", with: EPERM, ESRCH) { _ = try ResourceLimits.openFiles(of: getpid()) },
        Case("poll", "poll", "ppoll", with: ENOMEM) {
            try withPair(.stream) { _ = try Poll.wait(for: $0, .readable, within: .zero) }
        },
        Case("report", "memfd_create", with: EMFILE, ENFILE, ENOMEM) { _ = try SpawnReportPage.shareable() },
        Case("report", "ftruncate", with: EIO, ENOSPC) { _ = try SpawnReportPage.shareable() },
        Case("report", "fcntl", with: EPERM) { _ = try SpawnReportPage.shareable() },
        Case("run", "socketpair", with: EMFILE, ENFILE, ENOMEM) {
            _ = try ProgramRun(path: "/bin/true", arguments: ["true"], most: 1, within: .seconds(1))
        },
        Case("run", "clone", "clone3", "vfork", with: EAGAIN, ENOMEM) {
            _ = try ProgramRun(path: "/bin/true", arguments: ["true"], most: 1, within: .seconds(1))
        },
    ]

    /// The address sanitizer cannot do without memory either.
    private static let memory: [Case] =
        getenv("BATON_SANITIZED") != nil
        ? [] : [Case("own report", "mmap", with: ENOMEM) { _ = try SpawnReportPage() }]

    private static let files: [Case] = [
        Case("sealedFile", "memfd_create", with: EMFILE, ENFILE, ENOMEM) {
            _ = try OwnedDescriptor.sealedFile([1], name: "test")
        },
        Case("sealedFile", "write", with: ENOSPC, ENOMEM, EIO) {
            _ = try OwnedDescriptor.sealedFile([1], name: "test")
        },
        Case("sealedFile", "fcntl", with: EPERM, EBUSY) { _ = try OwnedDescriptor.sealedFile([1], name: "test") },
        Case("inheritableFile", "write", with: ENOSPC, ENOMEM, EIO) {
            _ = try CurrentProcess.inheritableFile([1], name: "test")
        },
        Case("contents", "openat", with: EMFILE, ENFILE, ENOMEM, EACCES, ENOENT) {
            _ = try FileContents(path: "/etc/passwd", most: 1 << 20)
        },
        Case("contents", "newfstatat", "fstat", with: ENOMEM) {
            _ = try FileContents(path: "/etc/passwd", most: 1 << 20)
        },
        Case("contents", "read", with: EIO, ENOMEM) { _ = try FileContents(path: "/etc/passwd", most: 1 << 20) },
        Case("names", "openat", with: EMFILE, ENFILE, ENOMEM, EACCES, ENOENT) { _ = try FileSystem.names(in: "/etc") },
        Case("names", "getdents64", with: EIO, ENOMEM) { _ = try FileSystem.names(in: "/etc") },
        Case("paths", "openat", with: EMFILE, ENFILE, ENOMEM, EACCES) {
            _ = try FileSystem.paths(matching: "/etc/pass*")
        },
        Case("directory", "openat", with: EMFILE, ENFILE, ENOMEM, EACCES) {
            _ = try Directory(trusted: "/etc", makingMissing: 0o755)
        },
        Case("directory", "newfstatat", "fstat", with: EACCES, ENOMEM) {
            _ = try Directory(trusted: "/etc", makingMissing: 0o755)
        },
        Case("directory", "mkdirat", with: EACCES, ENOSPC, EROFS) {
            _ = try Directory(trusted: "/tmp-none", makingMissing: 0o755)
        },
        Case("remove", "unlinkat", with: EACCES, EBUSY) {
            try Directory(trusted: "/etc", makingMissing: 0o755).remove("no such file")
        },
        Case("entry", "openat", with: EMFILE, ENOMEM, EACCES) {
            _ = try Directory(trusted: "/", makingMissing: 0o755).entry("etc")
        },
        Case("setMode", "fchmodat", "chmod", with: EPERM, EROFS) {
            try Directory(trusted: "/", makingMissing: 0o755).entry("etc").setMode(0o755)
        },
        Case("setOwner", "fchownat", "chown", with: EPERM, EROFS) {
            try Directory(trusted: "/", makingMissing: 0o755).entry("etc").setOwner(0, group: nil)
        },
        Case("runtime directory", "openat", with: EMFILE, ENFILE, ENOMEM, EACCES) {
            _ = try RuntimeDirectory(path: "/etc").open()
        },
        Case("runtime directory", "newfstatat", "fstat", with: ENOMEM) {
            _ = try RuntimeDirectory(path: "/etc").open()
        },
        Case("runtime directory", "mkdir", "mkdirat", with: EACCES, ENOSPC, EROFS) {
            _ = try RuntimeDirectory(path: "/tmp-none").makeIfMissing()
        },
        Case("scratch directory", "mkdir", "mkdirat", with: EACCES, ENOSPC, EROFS) {
            _ = try ScratchDirectory(prefix: "test")
        },
        Case("appending", "openat", with: EMFILE, ENFILE, ENOMEM, EACCES, ENOSPC) {
            _ = try OwnedDescriptor.appending(to: "/dev/null")
        },
        Case("writeNow", "pwritev2", with: EAGAIN, ENOSPC, EIO, EPIPE) {
            try open(OwnedDescriptor.appending(to: "/dev/null")) { _ = try $0.writeNow([1], from: 0) }
        },
        Case("the program", "openat", "open", with: EMFILE, ENFILE, ENOMEM) {
            _ = try ProgramChange.currentProgram()
        },
    ]

    @Test("a pid file that cannot be opened, locked or emptied is none", arguments: ["openat", "flock", "ftruncate"])
    func pidFile(_ call: String) throws {
        let directory = try TemporaryDirectory()
        let opened = try RuntimeDirectory(path: directory.path).open().release()
        defer { close(opened) }
        let thrown = try withFailing([call], EIO) { () -> Int32 in
            do {
                _ = try PidFile(in: FileDescriptor(rawValue: opened))
                return 0
            } catch let error as Errno {
                return error.rawValue
            }
        }
        #expect(thrown == EIO)
    }
}
