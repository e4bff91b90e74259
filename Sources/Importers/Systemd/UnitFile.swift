/// A unit: its file, then its drop-ins.
struct UnitFile: Sendable {
    var name: UnitName
    var path: String
    var assignments: [UnitAssignment] = []
    var errors: [ImportReport.SourceError] = []
    /// Empty, or a link to /dev/null: systemd never starts it.
    var isMasked = false

    /// Assignments that count, with their index: those before an empty one of their kind are taken back by it, and
    /// of a key that can have one value the last that parses counts.
    ///
    /// - Parameter lists: Keys that may stand more than once.
    func effective(_ section: String, lists: Set<String>) -> [(index: Int, assignment: UnitAssignment)] {
        var result: [(index: Int, assignment: UnitAssignment)] = []
        for (index, assignment) in assignments.enumerated()
        where assignment.section == section && !assignment.isPassedOver {
            let group = Self.group(assignment.key)
            if assignment.value.isEmpty {
                result.removeAll { Self.group($0.assignment.key) == group }
                continue
            }
            if !lists.contains(assignment.key) { result.removeAll { $0.assignment.key == assignment.key } }
            result.append((index, assignment))
        }
        return result
    }

    /// An empty Listen…= takes back those of every type.
    private static func group(_ key: String) -> String {
        key.hasPrefix("Listen") ? "Listen" : key
    }
}

/// Where units are sought (systemd.unit(5), System Unit Search Path).
struct UnitDirectories {
    static let system = [
        "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ]

    /// Before the system's: that of the imported file.
    private let first: String

    /// - Parameter first: Without a slash at its end.
    init(beside first: String) {
        self.first = first
    }

    private var all: [String] { [first] + Self.system.filter { $0 != first } }

    /// Drop-ins stand beside the unit, and for a unit of the system in all of its directories.
    private func dropInDirectories(of directory: String) -> [String] {
        Self.system.contains(directory) ? Self.system : [directory]
    }

    /// The unit of that name; of an instance without a file its template's. Nil when there is none.
    func unit(_ name: UnitName, files: inout SourceFiles) -> UnitFile? {
        for candidate in [name, name.template].compactMap(\.self) {
            for directory in all where files.exists("\(directory)/\(candidate.whole)") {
                return read("\(directory)/\(candidate.whole)", as: name, files: &files)
            }
        }
        return nil
    }

    /// The file at `path` with its drop-ins, as the unit `name`.
    func read(_ path: String, as name: UnitName, files: inout SourceFiles) -> UnitFile {
        var unit = UnitFile(name: name, path: path)
        if files.isNull(path) {
            unit.isMasked = true
            return unit
        }
        guard append(path, to: &unit, isUnit: true, files: &files) else { return unit }
        let directory = String(path.directoryPrefix.dropLast())
        for dropIn in dropIns(of: name, in: dropInDirectories(of: directory), files: files) {
            _ = append(dropIn, to: &unit, isUnit: false, files: &files)
        }
        return unit
    }

    private func append(_ path: String, to unit: inout UnitFile, isUnit: Bool, files: inout SourceFiles) -> Bool {
        do throws(SourceFiles.Failure) {
            let text = UnitText(try files.read(path), file: path)
            if isUnit { unit.isMasked = text.isEmpty }
            unit.assignments += text.assignments
            unit.errors += text.errors
            return !text.isEmpty
        } catch {
            unit.errors.append(.init(place: SourcePlace(path, 0), message: error.message))
            return false
        }
    }

    /// `socket.d`, `a-.socket.d`, `a-b.socket.d`, and for instances the template's: by file name; of two of one name
    /// that of the more particular and then of the earlier directory counts.
    private func dropIns(of name: UnitName, in directories: [String], files: SourceFiles) -> [String] {
        var folders = [name.whole + ".d"]
        if let template = name.template { folders.append(template.whole + ".d") }
        let parts = name.prefix.split(separator: "-", omittingEmptySubsequences: false)
        for count in stride(from: parts.count - 1, to: 0, by: -1) {
            let start = parts.prefix(count).joined(separator: "-") + "-"
            folders.append(start + (name.instance == nil ? "" : "@") + name.suffix + ".d")
        }
        folders.append(name.suffix.dropFirst() + ".d")
        var found: [String: String] = [:]
        for folder in folders.prefix(32) {
            for directory in directories {
                // Most are not there; one that cannot be read is passed over, as systemd does it.
                let names = (try? files.files(in: "\(directory)/\(folder)")) ?? []
                for file in names where file.hasSuffix(".conf") {
                    if found[file] == nil { found[file] = "\(directory)/\(folder)/\(file)" }
                }
            }
        }
        return found.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map(\.value)
            .filter { !files.isNull($0) }
    }
}
