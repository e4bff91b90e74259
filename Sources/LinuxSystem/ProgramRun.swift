internal import Glibc
package import SystemPackage

/// A short-lived program of ours, run to its end: what it wrote, and how it ended.
///
/// It blocks the caller, so it is for the loader and the command line, never for the supervisor.
package struct ProgramRun: Sendable {
    package var output: [UInt8] = []
    package var errors: [UInt8] = []
    package var status = ExitStatus.exited(0)

    package enum Failure: Error, Hashable, Sendable {
        case notStarted(Errno)
        /// It was killed: it had not ended in time.
        case slow
        /// It was killed: it wrote more than it may.
        case verbose
        /// It was killed: what it wrote cannot be read.
        case unread(Errno)
    }

    /// Runs the program at `path` with nothing on standard input.
    ///
    /// - Parameters:
    ///   - arguments: argv[0] first.
    ///   - most: Bytes of each of its outputs.
    package init(path: String, arguments: [String], most: Int, within limit: Duration) throws(Failure) {
        let deadline = Clock.now() + limit
        let pid: pid_t
        var pipes: [DescriptorBox] = []
        do throws(Errno) {
            let output = try Socket.pair(.stream)
            let errors = try Socket.pair(.stream)
            pid = try Self.spawn(path, arguments, output: output.theirs.borrowed, errors: errors.theirs.borrowed)
            // Ours must be the only ends left, or the end of the outputs would never be seen.
            pipes = [DescriptorBox(output.ours), DescriptorBox(errors.ours)]
        } catch {
            throw .notStarted(error)
        }
        let trouble = read(pipes, most: most, until: deadline)
        if trouble != nil { _ = kill(pid, SIGKILL) }
        // The program ends when its outputs have; a killed one does at once.
        status = (try? ChildProcess.collect(pid)) ?? .exited(1)
        if let trouble { throw trouble }
    }

    private static func spawn(
        _ path: String, _ arguments: [String], output: FileDescriptor, errors: FileDescriptor
    ) throws(Errno) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output.rawValue, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors.rawValue, 2)
        var vector = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe vector.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let error = unsafe posix_spawn(&pid, path, &actions, nil, &vector, environ)
        guard error == 0 else { throw Errno(rawValue: error) }
        return pid
    }

    /// Reads both outputs to their ends.
    private mutating func read(_ pipes: [DescriptorBox], most: Int, until deadline: Duration) -> Failure? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var open = [true, true]
        while open.contains(true) {
            let left = deadline - Clock.now()
            if left <= .zero { return .slow }
            var polled = pipes.indices.map { index in
                pollfd(fd: open[index] ? pipes[index].borrowed?.rawValue ?? -1 : -1, events: Int16(POLLIN), revents: 0)
            }
            let milliseconds = Int32(clamping: left.components.seconds * 1000 + 999)
            guard (try? SystemCall.value { unsafe poll(&polled, nfds_t(2), milliseconds) }) ?? 0 > 0 else { continue }
            for index in pipes.indices where polled[index].revents != 0 {
                let count: Int?
                do { count = try pipes[index].borrowed?.readOnce(into: &buffer) } catch { return .unread(error) }
                guard let count else { continue }
                if count == 0 { open[index] = false }
                if index == 0 { output += buffer[..<count] } else { errors += buffer[..<count] }
                if max(output.count, errors.count) > most { return .verbose }
            }
        }
        return nil
    }
}
