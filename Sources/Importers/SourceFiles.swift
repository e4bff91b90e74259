internal import LinuxSystem
internal import SystemPackage

/// Reads source files within limits.
package struct SourceFiles: Sendable {
    /// Limits of one import.
    static let mostFileBytes = 1 << 20
    static let mostBytes = 8 << 20
    static let mostFiles = 1024

    /// Refuse files that others than root and the caller can write: what a running supervisor includes must
    /// not be theirs to change.
    package var isStrict: Bool
    private var bytes = 0
    private var count = 0

    package init(isStrict: Bool = false) {
        self.isStrict = isStrict
    }

    /// Why a file is not read.
    package struct Failure: Error, Hashable, Sendable {
        package var message: String
        /// There is no such file.
        package var isAbsent = false

        fileprivate init(_ message: String) {
            self.message = message
        }

        fileprivate init(_ failure: FileContents.Failure) {
            switch failure {
            case .unreadable(let number):
                message = "cannot be read: \(number)"
                isAbsent = number == .noSuchFileOrDirectory
            case .directory: message = "is a directory"
            case .notRegular: message = "is no regular file"
            case .larger(let most): message = "has more than \(most) bytes"
            }
        }
    }

    /// The whole file.
    package mutating func read(_ path: String) throws(Failure) -> [UInt8] {
        guard count < Self.mostFiles, bytes <= Self.mostBytes else {
            throw Failure("an import reads at most \(Self.mostFiles) files and \(Self.mostBytes) bytes in all")
        }
        count += 1
        let contents: FileContents
        do throws(FileContents.Failure) {
            contents = try FileContents(path: path, most: Self.mostFileBytes)
        } catch {
            throw Failure(error)
        }
        if isStrict { try Self.check(owner: contents.owner, mode: contents.mode) }
        bytes += contents.bytes.count
        return contents.bytes
    }

    private static func check(owner: UInt32, mode: UInt32) throws(Failure) {
        if owner != 0, owner != CurrentProcess.uid {
            throw Failure("belongs to uid \(owner), neither root nor the caller")
        }
        if mode & 0o022 != 0 { throw Failure("can be written by others (mode \(String(mode, radix: 8))); chmod go-w") }
    }

    package func isDirectory(_ path: String) -> Bool { FileSystem.entry(at: path) == .directory }

    package func exists(_ path: String) -> Bool { FileSystem.entry(at: path) != nil }

    /// A link to /dev/null, by which systemd masks units.
    func isNull(_ path: String) -> Bool { FileSystem.isLink(path) && FileSystem.entry(at: path) == .other }

    /// The names in a directory that are files, sorted by bytes, those that begin with a dot left out.
    package func files(in directory: String) throws(Failure) -> [String] {
        let start = directory.hasSuffix("/") ? directory : directory + "/"
        // Who may write there can add a file.
        if isStrict, let directory = FileSystem.ownership(of: directory) {
            try Self.check(owner: directory.owner, mode: directory.mode)
        }
        let names: [String]
        do throws(Errno) {
            names = try FileSystem.names(in: directory)
        } catch {
            throw Failure(.unreadable(error))
        }
        return names.filter { name in
            guard !name.hasPrefix("."), case .file? = FileSystem.entry(at: start + name) else { return false }
            return true
        }
    }
}

extension String {
    /// The directory that the file of this path is in, with its slash; empty for the working directory.
    package var directoryPrefix: String {
        lastIndex(of: "/").map { String(self[...$0]) } ?? ""
    }
}
