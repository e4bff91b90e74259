internal import CLinux
internal import Glibc
package import SystemPackage

extension FileDescriptor {
    /// Whether a write of up to PIPE_BUF bytes would not wait now (poll(2)). True for a closed reader: the
    /// write then fails at once.
    package var takesOutput: Bool {
        var state = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
        return (try? SystemCall.value { unsafe poll(&state, 1, 0) }) == 1
    }

    /// One write(2) of part of `bytes`.
    ///
    /// - Returns: The bytes written, 0 when it would wait; nil when writing has become impossible.
    package func writeOnce(_ bytes: [UInt8], from start: Int, to end: Int) -> Int? {
        do {
            return try SystemCall.value {
                unsafe bytes.withUnsafeBytes { buffer in
                    unsafe Glibc.write(rawValue, buffer.baseAddress?.advanced(by: start), end - start)
                }
            }
        } catch .wouldBlock {
            return 0
        } catch .noSpace {
            return end - start  // a full disk costs lines, not the service
        } catch {
            return nil
        }
    }

    /// One write(2) of part of `bytes` that never waits, whatever the mode of the descriptor, which may be shared: EAGAIN
    /// when it would. To a regular file it is a plain write.
    ///
    /// - Returns: The bytes written.
    package func writeNow(_ bytes: [UInt8], from start: Int) throws(Errno) -> Int {
        try SystemCall.value {
            unsafe bytes.withUnsafeBytes { buffer in
                unsafe baton_write_now(rawValue, buffer.baseAddress?.advanced(by: start), bytes.count - start)
            }
        }
    }

    /// `DEVICE:INODE` of what the descriptor stands for, as JOURNAL_STREAM has it (systemd.exec(5)).
    package var deviceAndInode: String? {
        var status = Glibc.stat()
        guard unsafe fstat(rawValue, &status) == 0 else { return nil }
        return "\(status.st_dev):\(status.st_ino)"
    }

    /// What is to be read up to the end, or `most` bytes of it; waits for it.
    package func readToEnd(most: Int) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count < most, let count = try readOnce(into: &buffer), count > 0 { bytes += buffer[..<count] }
        return Array(bytes.prefix(most))
    }

    /// One read(2) into `buffer`.
    ///
    /// - Returns: The bytes read, 0 at the end; nil when there is nothing now.
    package func readOnce(into buffer: inout [UInt8]) throws(Errno) -> Int? {
        let room = buffer.count
        do {
            return try SystemCall.value { unsafe Glibc.read(rawValue, &buffer, room) }
        } catch .wouldBlock {
            return nil
        }
    }
}

extension OwnedDescriptor {
    /// Opens a file to append to, made with `mode` when it is missing. A symbolic link as its last component is refused,
    /// and on the way to it what `Directory(trusted:)` refuses; and a file that has another name elsewhere (EMLINK).
    package static func appending(to path: String, mode: UInt32 = 0o640) throws(Errno) -> OwnedDescriptor {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        let name = path.split(separator: "/").last.map { String($0) } ?? ""
        let parent = try Directory(trusted: String(path.dropLast(name.utf8.count)), makingMissing: nil)
        let file = OwnedDescriptor(
            adopting: try SystemCall.value {
                unsafe name.withCString { unsafe baton_open_at(parent.borrowed.rawValue, $0, flags, mode) }
            })
        var status = stat()
        try SystemCall.value { unsafe fstat(file.rawValue, &status) }
        guard status.st_mode & S_IFMT != S_IFREG || status.st_nlink == 1 else { throw .tooManyLinks }
        return file
    }
}

extension FileDescriptor {
    /// Whether a connected Unix-domain socket's other end is closed (POLLHUP).
    package var hasHungUp: Bool {
        var state = pollfd(fd: rawValue, events: 0, revents: 0)
        return (try? SystemCall.value { unsafe poll(&state, 1, 0) }) == 1 && state.revents & Int16(POLLHUP) != 0
    }

    /// Whether a stream socket has no more to read than lies in it: by the peer's end, or by a shutdown here
    /// (POLLRDHUP).
    package var endsReading: Bool {
        let readHangUp = Int16(0x2000)  // POLLRDHUP, which needs _GNU_SOURCE
        var state = pollfd(fd: rawValue, events: readHangUp, revents: 0)
        return (try? SystemCall.value { unsafe poll(&state, 1, 0) }) == 1 && state.revents & readHangUp != 0
    }

    /// A second descriptor (close-on-exec) for the same open file description.
    package func duplicate() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try SystemCall.value { baton_duplicate(rawValue) })
    }
}
