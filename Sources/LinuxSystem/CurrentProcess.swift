internal import CLinux
internal import Glibc
package import SystemPackage

/// This process: its program, its environment, and its end as this program.
package enum CurrentProcess {
    package static var pid: Int32 { getpid() }

    /// The effective user.
    package static var uid: UInt32 { geteuid() }
    package static var gid: UInt32 { getegid() }

    /// What uids that are not mapped into this user namespace show as (proc(5)).
    package static var overflowUID: UInt32 {
        let file = try? FileContents(path: "/proc/sys/kernel/overflowuid", most: 64)
        let digits = file.map { $0.bytes.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } } ?? []
        return UInt32(String(decoding: digits, as: UTF8.self)) ?? 65534
    }

    /// A variable of the environment; empty counts as absent.
    package static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
        return unsafe String(cString: value)
    }

    /// Takes a variable out of the environment.
    package static func unset(_ name: String) {
        unsafe unsetenv(name)
    }

    /// The whole environment.
    package static var environment: [String: String] {
        var variables: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
                .split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            unsafe entry += 1
        }
        return variables
    }

    /// The file that this program was started from, links resolved (proc(5)).
    package static var program: String? { FileSystem.target(of: "/proc/self/exe") }

    package static var workingDirectory: String? { FileSystem.target(of: "/proc/self/cwd") }

    /// Where a descriptor's file is now.
    static func path(of descriptor: FileDescriptor) -> String? {
        FileSystem.target(of: "/proc/self/fd/\(descriptor.rawValue)")
    }

    /// Becomes another program, environment and open descriptors kept (execv(3)).
    ///
    /// - Parameter arguments: argv[0] first.
    /// - Returns: Why it did not; on success there is nobody to return to.
    package static func become(_ path: String, arguments: [String]) -> Errno {
        var copies = unsafe arguments.map { unsafe strdup($0) } + [nil]
        unsafe execv(path, &copies)
        let error = Errno(rawValue: errno)
        unsafe copies.forEach { unsafe free($0) }
        return error
    }

    /// A file in memory that a program can read after `become`: its descriptor stays open across exec.
    ///
    /// - Parameter name: For /proc only.
    package static func inheritableFile(_ content: [UInt8], name: String) throws(Errno) -> OwnedDescriptor {
        let file = OwnedDescriptor(adopting: try SystemCall.value { unsafe baton_memory_file(name) })
        var written = 0
        while written < content.count {
            written += try file.borrowed.writeNow(content, from: written)
        }
        try SystemCall.value { lseek(file.rawValue, 0, SEEK_SET) }
        return file
    }
}
