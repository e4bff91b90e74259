internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Reads the files of a table: the top one and, depth first, what it includes.
struct FileReader {
    /// Limits of one table.
    static let mostFiles = 256
    static let mostBytes = 8 << 20

    /// A file whose top keys were read.
    struct File {
        var name: String
        var draft: FileDraft
        /// The file's own mapping.
        var cursor: Cursor
    }

    let reading: Reading
    private(set) var files: [File] = []
    private var bytes = 0
    private var seen: Set<FileContents.Identity> = []

    init(reading: Reading) {
        self.reading = reading
    }

    mutating func read(top path: String) {
        let number = reading.add(file: path)
        do throws(FileContents.Failure) {
            let contents = try FileContents(path: path, most: YAMLText.mostBytes)
            seen.insert(contents.identity)
            read(contents, name: path, number: number, chain: [contents.identity])
        } catch {
            reading.report(error.words, at: YAMLPlace(file: number), key: "")
            reading.namesAreComplete = false
        }
    }

    mutating func read(text: [UInt8], name: String) {
        parse(text, name: name, number: reading.add(file: name), chain: [])
    }

    private mutating func read(
        _ contents: FileContents, name: String, number: Int, chain: Set<FileContents.Identity>
    ) {
        if let trouble = contents.distrust(caller: geteuid()) {
            reading.report(trouble, at: YAMLPlace(file: number), key: "")
        }
        parse(contents.bytes, name: name, number: number, chain: chain)
    }

    private mutating func parse(_ text: [UInt8], name: String, number: Int, chain: Set<FileContents.Identity>) {
        bytes += text.count
        let document = YAMLDocument(text, file: number)
        for fault in document.faults { reading.report(fault.message, at: fault.place, key: fault.key) }
        guard let root = document.root, let pairs = root.pairs else {
            reading.namesAreComplete = false
            if let root = document.root, !root.isBroken {
                Cursor(node: root, trail: .root, reading: reading).unexpected("a mapping with services")
            }
            return
        }
        let cursor = Cursor(node: root, trail: .root, reading: reading)
        var file = File(name: name, draft: FileDraft(), cursor: cursor)
        let given = readKeys(pairs, of: &file, isTop: number == 0)
        if file.draft.services == nil, !given.has("include"), !given.unknown, document.faults.isEmpty {
            cursor.fault("services is missing")
        }
        files.append(file)
        for include in file.draft.includes { follow(include, from: name, chain: chain) }
    }

    private func readKeys(_ pairs: [YAMLPair], of file: inout File, isTop: Bool) -> Given {
        var given = Given()
        for pair in pairs {
            guard let key = FileDraft.section[pair.key] else {
                FileDraft.section.unknown(pair, in: file.cursor)
                given.unknown = true
                continue
            }
            if !isTop, FileDraft.topKeys.contains(pair.key) {
                file.cursor.at(keyOf: pair).fault("it is about the supervisor as a whole and belongs in the top file")
            }
            if pair.key == "defaults" { file.draft.defaults = pair }
            if pair.key == "services" { file.draft.services = pair }
            given.note(pair.key, file.cursor.at(pair), sound: key.read(file.cursor.at(pair), &file.draft))
        }
        return given
    }

    private mutating func follow(
        _ include: Placed<FileDraft.Include>, from name: String, chain: Set<FileContents.Identity>
    ) {
        let cursor = include.cursor(reading)
        let pattern: String
        switch include.value {
        case .table(let path): pattern = path
        case .foreign(let format, let path):
            return convert(format, Self.join(path, to: name), at: cursor)
        }
        let path = Self.join(pattern, to: name)
        let isPattern = pattern.contains { "*?[".contains($0) }
        let paths: [String]
        do throws(Errno) {
            paths = isPattern ? try FileSystem.paths(matching: path) : [path]
        } catch {
            reading.namesAreComplete = false
            return cursor.fault("\(path.quotable): \(FileContents.Failure.unreadable(error).words)")
        }
        for path in paths {
            guard files.count < Self.mostFiles, bytes <= Self.mostBytes else {
                cursor.fault("a table has at most \(Self.mostFiles) files and \(Self.mostBytes) bytes in all")
                reading.namesAreComplete = false
                return
            }
            take(path, at: cursor, chain: chain)
        }
    }

    private mutating func take(_ path: String, at cursor: Cursor, chain: Set<FileContents.Identity>) {
        do throws(FileContents.Failure) {
            let contents = try FileContents(path: path, most: YAMLText.mostBytes)
            if chain.contains(contents.identity) {
                cursor.fault("\(path.quotable) includes itself")
            } else if !seen.insert(contents.identity).inserted {
                cursor.fault("\(path.quotable) is included already")
            } else {
                let number = reading.add(file: path)
                read(contents, name: path, number: number, chain: chain.union([contents.identity]))
            }
        } catch {
            reading.namesAreComplete = false
            cursor.fault("\(path.quotable): \(error.words)")
        }
    }

    /// Has another super-server's configuration converted, and reads the table that comes of it.
    private mutating func convert(_ format: String, _ path: String, at cursor: Cursor) {
        guard files.count < Self.mostFiles else {
            cursor.fault("a table has at most \(Self.mostFiles) files")
            reading.namesAreComplete = false
            return
        }
        do throws(ForeignTable.Failure) {
            let table = try ForeignTable.read(format, path: path, resolving: reading.resolving)
            let number = reading.add(file: path, origins: table.origins)
            reading.report(table.faults, of: number)
            if table.faults.contains(where: { $0.severity == .error }) { reading.namesAreComplete = false }
            parse(table.text, name: path, number: number, chain: [])
        } catch {
            reading.namesAreComplete = false
            cursor.fault("\(path.quotable): \(error.message)")
        }
    }

    /// A path relative to the directory of the file that names it.
    private static func join(_ path: String, to file: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }
}

extension FileContents {
    /// Why others than root and the caller could have written it; nil when they could not.
    fileprivate func distrust(caller: UInt32) -> String? {
        if owner != 0, owner != caller { return "the file belongs to uid \(owner), neither root nor the caller" }
        if mode & 0o022 != 0 {
            return "others can write the file (mode \(String(mode, radix: 8))); chmod go-w"
        }
        return nil
    }
}

extension FileContents.Failure {
    fileprivate var words: String {
        switch self {
        case .unreadable(let error): "cannot be read: \(error)"
        case .directory: "is a directory; a table is a file"
        case .notRegular: "is no regular file"
        case .larger(let most): "the file has more than \(most) bytes"
        }
    }
}
