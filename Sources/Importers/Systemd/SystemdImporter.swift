/// systemd's `.socket` units with the services that they start.
enum SystemdImporter: Importer {
    static let table = SystemdRow.table

    static func read(_ path: String, into report: inout ImportReport, settings: inout ImportSettings) {
        read([path], into: &report, settings: &settings)
    }

    /// All at once: several sockets may belong to one service.
    static func read(_ paths: [String], into report: inout ImportReport, settings: inout ImportSettings) {
        var sources = SystemdSources(settings: settings)
        for path in paths { sources.add(path, to: &report) }
        settings.files = sources.files
        var groups: [(service: String, sockets: [(SystemdSocket, UnitDirectories)])] = []
        for (unit, directories) in sources.sockets {
            let socket = SystemdSocket(unit, resolving: settings.resolving)
            let service = socket.accepts ? unit.path : socket.activated.whole
            if let index = groups.firstIndex(where: { $0.service == service }) {
                groups[index].sockets.append((socket, directories))
            } else {
                groups.append((service, [(socket, directories)]))
            }
        }
        for group in groups {
            guard let (first, directories) = group.sockets.first else { continue }
            let sockets = group.sockets.map(\.0)
            for socket in sockets { tell(socket.unit, &report) }
            let name = first.activated
            guard let unit = directories.unit(name, files: &settings.files), !unit.isMasked else {
                leaveOut(sockets, for: name, &report)
                continue
            }
            tell(unit, &report)
            let service = SystemdService(unit, accepts: first.accepts, settings: &settings)
            let draft = SystemdDraft(sockets: sockets, service: service)
            if draft.isComplete {
                report.add(draft.finish(), draft.directives)
            } else {
                for directive in draft.directives { report.note(directive) }
                report.fail(draft.reason, at: SourcePlace(unit.path, 0))
            }
        }
    }

    private static func tell(_ unit: UnitFile, _ report: inout ImportReport) {
        for error in unit.errors { report.fail(error.message, at: error.place) }
    }

    private static func leaveOut(_ sockets: [SystemdSocket], for name: UnitName, _ report: inout ImportReport) {
        for socket in sockets {
            for directive in socket.report.directives { report.note(directive) }
            report.fail(
                "its service \(name.whole) is neither beside it nor in \(UnitDirectories.system.joined(separator: ", "))",
                at: SourcePlace(socket.unit.path, 0))
        }
    }
}

extension SystemdSocket {
    /// The service that it starts: a template's instance for each connection, or one for all.
    var activated: UnitName {
        if accepts { return UnitName(unit.name.prefix + "@.service") ?? unit.name }
        return serviceName ?? unit.name.with(suffix: ".service")
    }
}

/// The socket units that paths lead to.
struct SystemdSources {
    private(set) var files: SourceFiles
    private(set) var sockets: [(UnitFile, UnitDirectories)] = []
    private var seen: Set<String> = []

    init(settings: ImportSettings) {
        files = settings.files
    }

    mutating func add(_ path: String, to report: inout ImportReport) {
        if files.isDirectory(path) { return addDirectory(path, to: &report) }
        let directory = path.contains("/") ? String(path.directoryPrefix.dropLast()) : "."
        guard let name = UnitName(path.contains("/") ? path.baseName : path) else {
            return report.fail("a unit's name ends in .socket or .service", at: SourcePlace(path, 0))
        }
        switch name.suffix {
        case ".socket": addSocket(name, in: directory.isEmpty ? "/" : directory, path: path, to: &report)
        case ".service": addSockets(of: name, path: path, in: directory.isEmpty ? "/" : directory, to: &report)
        default: report.fail("a socket unit is expected, not \(name.suffix.quotable)", at: SourcePlace(path, 0))
        }
    }

    private mutating func addDirectory(_ path: String, to report: inout ImportReport) {
        let directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let names: [String]
        do throws(SourceFiles.Failure) {
            names = try files.files(in: directory).filter { $0.hasSuffix(".socket") }
        } catch {
            return report.fail(error.message, at: SourcePlace(path, 0))
        }
        if names.isEmpty { return report.fail("there is no socket unit in it", at: SourcePlace(path, 0)) }
        for name in names.compactMap({ UnitName($0) }) {
            addSocket(name, in: directory, path: "\(directory)/\(name.whole)", to: &report)
        }
    }

    private mutating func addSocket(
        _ name: UnitName, in directory: String, path: String, to report: inout ImportReport
    ) {
        let directories = UnitDirectories(beside: directory)
        let isNamed = files.exists(path)
        let template = name.template.map { "\(directory)/\($0.whole)" }
        let found: UnitFile?
        if isNamed {
            found = directories.read(path, as: name, files: &files)
        } else if let template, files.exists(template) {
            found = directories.read(template, as: name, files: &files)
        } else {
            // A name alone is sought as systemctl does.
            found = path.contains("/") ? nil : directories.unit(name, files: &files)
        }
        guard var unit = found else {
            return report.fail("there is no such unit", at: SourcePlace(path, 0))
        }
        guard seen.insert("\(unit.path) \(name.whole)").inserted else { return }
        if unit.isMasked {
            return report.note(
                Directive(name.whole, at: SourcePlace(unit.path, 0), .approximated("masked, and so left out")))
        }
        if name.isTemplate {
            let instance = unit.assignments.last { $0.section == "Install" && $0.key == "DefaultInstance" }?.value
            guard let instance, !instance.isEmpty else {
                for error in unit.errors { report.fail(error.message, at: error.place) }
                for assignment in unit.assignments {
                    let reason = "a template; import it by an instance's name: \(name.prefix)@NAME\(name.suffix)"
                    report.note(Directive(assignment.text, at: assignment.place, .notExpressible(reason)))
                }
                return
            }
            unit.name = name.with(instance: instance)
        }
        sockets.append((unit, directories))
    }

    /// The sockets that start a service: those that it names, else the one of its own name.
    private mutating func addSockets(
        of name: UnitName, path: String, in directory: String, to report: inout ImportReport
    ) {
        let directories = UnitDirectories(beside: directory)
        guard let unit = directories.unit(name, files: &files) else {
            return report.fail("there is no such unit", at: SourcePlace(path, 0))
        }
        let named = unit.effective("Service", lists: ["Sockets"]).filter { $0.assignment.key == "Sockets" }
            .flatMap { $0.assignment.value.words }.compactMap { UnitName($0) }.filter { $0.suffix == ".socket" }
        let own = name.isTemplate ? name.with(instance: nil).with(suffix: ".socket") : name.with(suffix: ".socket")
        for socket in named.isEmpty ? [own] : named {
            guard let found = directories.unit(socket, files: &files) else {
                report.fail(
                    "no client starts it: there is no \(socket.whole); Baton serves sockets only",
                    at: SourcePlace(path, 0))
                continue
            }
            if seen.insert("\(found.path) \(socket.whole)").inserted { sockets.append((found, directories)) }
        }
    }
}
