internal import Glibc

/// The unified hierarchy of control groups (cgroups(7), version 2).
package enum ControlGroups {
    /// Longer than any machine's list of mounts.
    private static let mostBytes = 4 << 20

    /// Where the hierarchy is mounted; nil where it is not.
    package static func mountPoint() -> String? {
        guard let mounts = try? FileContents(path: "/proc/self/mounts", most: mostBytes) else { return nil }
        return mountPoint(in: mounts.bytes)
    }

    /// The first mount of type cgroup2 in a list as of fstab(5).
    package static func mountPoint(in mounts: [UInt8]) -> String? {
        for line in mounts.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count > 2, fields[2].elementsEqual("cgroup2".utf8) else { continue }
            return unescaped(fields[1])
        }
        return nil
    }

    /// Blanks, line ends and backslashes stand as three octal digits behind a backslash.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }) {
                bytes.append(digits.reduce(0) { $0 &* 8 &+ ($1 - 0x30) })
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The CPUs of the machine.
package enum Processors {
    /// Numbers below this may be one's (sysconf(3), _SC_NPROCESSORS_CONF).
    package static var count: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_CONF))) }
}
