import Glibc

/// An input as files in a directory of their own, which goes with the value.
struct InputFiles: ~Copyable {
    let path: String
    /// How many each file has, by its path.
    private(set) var lines: [String: Int] = [:]
    private var directories: Set<String> = []

    /// - Parameter files: By name; a name may have one directory in it.
    init(_ files: [String: [UInt8]]) {
        var template = Array("\(Self.parent)/baton-fuzz-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fatalError("no directory in \(Self.parent): \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for (name, bytes) in files {
            let file = "\(path)/\(name)"
            if let slash = file.lastIndex(of: "/"), directories.insert(String(file[..<slash])).inserted {
                mkdir(String(file[..<slash]), 0o700)
            }
            let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard write(descriptor, bytes, bytes.count) == bytes.count else { fatalError("\(file): \(errno)") }
            close(descriptor)
            lines[file] = bytes.count { $0 == UInt8(ascii: "\n") } + 1
        }
    }

    deinit {
        for file in lines.keys { unlink(file) }
        for directory in directories.sorted(by: >) { rmdir(directory) }
    }

    /// In memory where there is such a place.
    private static let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
}
