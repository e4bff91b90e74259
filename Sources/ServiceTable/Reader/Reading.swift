internal import LinuxSystem

/// One reading of a table with all its files: gathers every fault, and asks the machine.
final class Reading {
    /// More faults than anybody reads; a file of 1 MiB can hold a quarter of a million.
    static let mostFaults = 1000

    /// False: users, groups, programs and host names need not exist on this machine.
    let resolving: Bool
    /// The files, by the numbers in `YAMLPlace`.
    private(set) var files: [String] = []
    /// Lines of converted files, by file and line: where they come from.
    private var origins: [Int: [Int: ForeignTable.Origin]] = [:]
    /// The names of all services of all files, for references between them.
    var serviceNames: Set<String> = []
    /// A file could not be read, so a name that is not known may well exist.
    var namesAreComplete = true

    private var faults: [(place: YAMLPlace, fault: ConfigurationFault)] = []
    private var seen: Set<Seen> = []
    private var ports: [String: UInt16?] = [:]
    private var hosts: [String: (addresses: [SocketAddress], reason: String)] = [:]
    private var users: [String: UserAccount?] = [:]
    private var groups: [String: UInt32?] = [:]
    private var programs: [String: Bool] = [:]
    private var exposures: [String: FileSystem.Exposure?] = [:]

    private struct Seen: Hashable {
        var place: YAMLPlace
        var message: String
    }

    init(resolving: Bool) {
        self.resolving = resolving
    }

    func add(file: String) -> Int {
        files.append(file)
        return files.count - 1
    }

    /// A file that was converted; its faults are told where its lines come from.
    func add(file: String, origins: [Int: ForeignTable.Origin]) -> Int {
        let number = add(file: file)
        self.origins[number] = origins
        return number
    }

    /// `FILE:LINE` of a place, for faults that name two.
    func words(for place: YAMLPlace) -> String {
        let origin = origins[place.file]?[place.line]
        return "\(origin?.file ?? files[place.file]):\(origin?.line ?? place.line)"
    }

    /// The same fault at the same place counts once: what defaults and aliases bring to many services is
    /// wrong in one place only.
    func report(_ message: String, at place: YAMLPlace, key: String, severity: ConfigurationFault.Severity = .error) {
        guard !isFull, seen.insert(Seen(place: place, message: message)).inserted else {
            return
        }
        if faults.count == Self.mostFaults {
            let message = "more than \(Self.mostFaults) faults; the rest is left out"
            faults.append((YAMLPlace(file: files.count), ConfigurationFault(file: files[0], message: message)))
            return
        }
        var fault = ConfigurationFault(
            file: files[place.file], line: place.line, column: place.column, key: key, message: message,
            severity: severity)
        if let lines = origins[place.file] {
            // A line without an origin is none of the source's; the file as a whole stands for it.
            let origin = lines[place.line]
            (fault.file, fault.line) = (origin?.file ?? fault.file, origin?.line ?? 0)
            fault.column = fault.line > 0 ? 1 : 0
        }
        faults.append((place, fault))
    }

    /// What a conversion has found, told before the faults of the table it made.
    func report(_ found: [ConfigurationFault], of file: Int) {
        for fault in found where faults.count < Self.mostFaults { faults.append((YAMLPlace(file: file), fault)) }
    }

    /// No fault more will be shown, so none need be worked out.
    var isFull: Bool { faults.count > Self.mostFaults }

    /// See `CurrentProcess.overflowUID`.
    private(set) lazy var overflowUID = CurrentProcess.overflowUID

    var hasErrors: Bool { faults.contains { $0.fault.severity == .error } }

    /// In the order of files and lines.
    var sortedFaults: [ConfigurationFault] {
        faults.enumerated().sorted { ($0.element.place, $0.offset) < ($1.element.place, $1.offset) }.map(
            \.element.fault)
    }

    func user(named name: String) -> UserAccount? {
        if let known = users[name] { return known }
        let account = UInt32(name).map(Accounts.user(uid:)) ?? Accounts.user(named: name)
        users[name] = .some(account)
        return account
    }

    func port(named name: String, protocol: String) -> UInt16? {
        if let known = ports["\(name)/\(`protocol`)"] { return known }
        let port = NameService.port(named: name, protocol: `protocol`)
        ports["\(name)/\(`protocol`)"] = .some(port)
        return port
    }

    func addresses(of host: String, family: Int32?) -> (addresses: [SocketAddress], reason: String) {
        let key = "\(host) \(family ?? 0)"
        if let known = hosts[key] { return known }
        let found = NameService.addresses(of: host, family: family)
        hosts[key] = found
        return found
    }

    /// Whether there is a program at `path`, as whoever has `root` for its root sees it.
    func isProgram(_ path: String, in root: String?) -> Bool {
        let full = (root ?? "") + path
        if let known = programs[full] { return known }
        // A link inside another root leads elsewhere than it seems from here.
        let isProgram = root != nil && FileSystem.isLink(full) || FileSystem.entry(at: full) == .file(executable: true)
        programs[full] = isProgram
        return isProgram
    }

    func exposure(of directory: String) -> FileSystem.Exposure? {
        if let known = exposures[directory] { return known }
        let exposure = FileSystem.exposure(of: directory)
        exposures[directory] = .some(exposure)
        return exposure
    }

    func group(named name: String) -> UInt32? {
        if let known = groups[name] { return known }
        let gid = Accounts.group(named: name)
        groups[name] = .some(gid)
        return gid
    }
}

/// The keys that lead to a value; words are made of them for a fault only.
indirect enum Trail: Sendable {
    case root
    case key(String, of: Trail)

    /// `services.web.listen`
    var text: String {
        switch self {
        case .root: ""
        case .key(let key, .root): key.quotable
        case .key(let key, let trail): "\(trail.text).\(key.quotable)"
        }
    }

    /// The first key; nil at the root.
    var first: String? {
        switch self {
        case .root: nil
        case .key(let key, .root): key
        case .key(_, let trail): trail.first
        }
    }
}

/// A value of the table on its way through the reader: the node, what it is called, and where faults go.
struct Cursor {
    var node: YAMLNode
    let trail: Trail
    let reading: Reading

    /// `services.web.listen`
    var path: String { trail.text }

    func fault(_ message: String) {
        reading.report(message, at: node.place, key: path)
    }

    func warn(_ message: String) {
        reading.report(message, at: node.place, key: path, severity: .warning)
    }

    /// The fault of a value that is something else than what may stand here.
    func unexpected(_ expected: String, hint: String = "") {
        fault("expected \(expected), not \(node.form)" + (hint.isEmpty ? "" : "; \(hint)"))
    }

    func at(_ node: YAMLNode) -> Cursor {
        Cursor(node: node, trail: trail, reading: reading)
    }

    /// The value of a key of this mapping.
    func at(_ pair: YAMLPair) -> Cursor {
        Cursor(node: pair.value, trail: .key(pair.key, of: trail), reading: reading)
    }

    /// The key itself, for what is wrong with its name or its standing here.
    func at(keyOf pair: YAMLPair) -> Cursor {
        var cursor = at(pair)
        cursor.node = YAMLNode(place: pair.place, content: .scalar(pair.key, plain: true))
        return cursor
    }
}
