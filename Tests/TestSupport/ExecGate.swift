import Foundation

/// As long as it lives, no exec of one program happens: each waits (fanotify(7), FAN_OPEN_EXEC_PERM). Then all do.
package final class ExecGate {
    private let process: TestProcess

    private static let guardian = """
        import ctypes, os, signal, sys
        library = ctypes.CDLL(None, use_errno=True)
        queue = library.fanotify_init(0x04, os.O_RDONLY)
        if queue < 0 or library.fanotify_mark(queue, 1, ctypes.c_uint64(0x40000), -100, sys.argv[1].encode()) < 0:
            sys.exit(os.strerror(ctypes.get_errno()))
        open(sys.argv[2], 'w').close()
        signal.pause()
        """

    /// - Parameters:
    ///   - program: Its path.
    ///   - directory: For a file that says that the gate is shut.
    /// - Returns: Nil where the test may not do so; not every root may.
    package init?(_ program: String, in directory: TemporaryDirectory) throws {
        let isShut = directory.path("gate-is-shut")
        process = try TestProcess("/usr/bin/python3", ["-c", Self.guardian, program, isShut], descriptors: [])
        let view = ProcessView(pid: process.pid)
        guard eventually({ access(isShut, F_OK) == 0 || !view.isAlive }), view.isAlive else { return nil }
    }
}

/// A cgroup of the v1 hierarchy whose processes do not even die when they are killed, until it goes away.
package final class TemporaryFreezer {
    private let path = "/sys/fs/cgroup/freezer/baton-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    /// - Returns: Nil where there is no such hierarchy.
    package init?() {
        guard mkdir(path, 0o755) == 0 else { return nil }
    }

    package func freeze(_ pid: pid_t) throws {
        try write("\(pid)", to: "cgroup.procs")
        try write("FROZEN", to: "freezer.state")
        guard eventually({ (try? String(contentsOfFile: path + "/freezer.state", encoding: .utf8)) == "FROZEN\n" })
        else { throw TestFailure("\(pid) does not freeze") }
    }

    package func thaw() throws { try write("THAWED", to: "freezer.state") }

    private func write(_ text: String, to file: String) throws {
        try text.write(toFile: "\(path)/\(file)", atomically: false, encoding: .utf8)
    }

    deinit {
        try? thaw()
        _ = eventually(within: Deadline(seconds: 5)) { rmdir(path) == 0 || errno == ENOENT }
    }
}
