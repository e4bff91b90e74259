/// Reads xinetd.conf, or a directory such as xinetd.d, with what it includes.
enum XinetdImporter: Importer {
    static let table = XinetdAttribute.table

    static func read(_ path: String, into report: inout ImportReport, settings: inout ImportSettings) {
        var reader = XinetdReader(path, settings: settings)
        if settings.files.isDirectory(path) {
            report.table.explain([
                "\(path): read as by includedir; the defaults of the file that includes it are not known here."
            ])
            reader.readDirectory(path, from: SourcePlace(path, 0), chain: [])
        } else {
            reader.read(path, from: nil, chain: [])
        }
        reader.write(into: &report)
        settings = reader.settings
    }

    fileprivate static let explanation = [
        "Baton's own limits hold where xinetd had none: 256 processes a service, 64 connections a source. xinetd's "
            + "default of cps = 50 10 is not carried over.",
        "Programs get a clean environment; name in pass_env what they need of the supervisor's.",
    ]
}

private struct XinetdReader {
    var settings: ImportSettings
    private var defaults = XinetdSettings()
    private var steps: [Step] = []
    private var banners = XinetdBanners()
    private var wrappers: WrapperRules

    private enum Step {
        case comment(String)
        case note(Directive)
        case failure(String, SourcePlace, text: String)
        case service(Entry)
    }

    private struct Entry {
        var name: String
        var place: SourcePlace
        var comments: [String]
        var settings: XinetdSettings
        var directives: [Directive]
    }

    /// Files inside each other.
    private static let mostDepth = 16

    init(_ path: String, settings: ImportSettings) {
        self.settings = settings
        wrappers = WrapperRules(beside: path, files: settings.files)
    }

    mutating func read(_ path: String, from place: SourcePlace?, chain: [String]) {
        let bytes: [UInt8]
        do throws(SourceFiles.Failure) {
            bytes = try settings.files.read(path)
        } catch {
            steps.append(.failure("\(path.quotable): \(error.message)", place ?? SourcePlace(path, 0), text: ""))
            return
        }
        var hasDefaults = false
        for item in XinetdText(bytes).items {
            switch item {
            case .comment(let text): steps.append(.comment(text))
            case .failure(let message, let line, let text):
                steps.append(.failure(message, SourcePlace(path, line), text: text))
            case .include(let name, let isDirectory, let line):
                follow(name, isDirectory: isDirectory, from: SourcePlace(path, line), chain: chain + [path])
            case .entry(let entry):
                if let name = entry.name {
                    take(entry, name: name, in: path)
                } else {
                    takeDefaults(entry, in: path, isSecond: hasDefaults)
                    hasDefaults = true
                }
            }
        }
    }

    /// Every file without a dot in its name and a tilde at its end, by the order of bytes.
    mutating func readDirectory(_ path: String, from place: SourcePlace, chain: [String]) {
        let start = path.hasSuffix("/") ? path : path + "/"
        do throws(SourceFiles.Failure) {
            for name in try settings.files.files(in: path) where !name.contains(".") && !name.hasSuffix("~") {
                read(start + name, from: place, chain: chain)
            }
        } catch {
            steps.append(.failure("\(path.quotable) \(error.message)", place, text: ""))
        }
    }

    private mutating func follow(_ name: String, isDirectory: Bool, from place: SourcePlace, chain: [String]) {
        let path = name.hasPrefix("/") ? name : place.file.directoryPrefix + name
        let text = "\(isDirectory ? "includedir" : "include") \(name)"
        guard chain.count < Self.mostDepth, isDirectory || !chain.contains(path) else {
            steps.append(.failure("\(name.quotable) includes itself", place, text: text))
            return
        }
        guard isDirectory == settings.files.isDirectory(path), settings.files.exists(path) else {
            let what = isDirectory ? "directory" : "file"
            steps.append(.failure("there is no \(what) \(name.quotable)", place, text: text))
            return
        }
        steps.append(.note(Directive(text, at: place, .exact)))
        if isDirectory {
            readDirectory(path, from: place, chain: chain)
        } else {
            read(path, from: place, chain: chain)
        }
    }

    private mutating func takeDefaults(_ entry: XinetdText.Entry, in path: String, isSecond: Bool) {
        for comment in entry.comments { steps.append(.comment(comment)) }
        let place = SourcePlace(path, entry.line)
        if isSecond {
            let reason = "a file has one defaults; xinetd passes over this one, and so does the table"
            for (text, line) in [("defaults", entry.line)] + entry.attributes.map({ ($0.text, $0.line) }) {
                steps.append(.note(Directive(text, at: SourcePlace(path, line), .approximated(reason))))
            }
            return
        }
        steps.append(.note(Directive("defaults", at: place, .exact)))
        for attribute in entry.attributes {
            steps.append(.note(read(attribute, of: .defaults, in: path, into: &defaults)))
        }
    }

    private mutating func take(_ entry: XinetdText.Entry, name: String, in path: String) {
        var read = XinetdSettings(early: defaults)
        read.given = []
        let directives = entry.attributes.map { self.read($0, of: .services, in: path, into: &read) }
        for file in [read.banner, read.bannerSuccess, read.bannerFail].compactMap(\.self)
        where banners.contents[file] == nil {
            // A missing one is told where it is needed.
            if let bytes = try? settings.files.read(file) { banners.contents[file] = bytes }
        }
        steps.append(
            .service(
                Entry(
                    name: name, place: SourcePlace(path, entry.line), comments: entry.comments, settings: read,
                    directives: directives)))
    }

    /// One attribute, with xinetd's own rules about where and how often it may stand.
    private func read(
        _ attribute: XinetdText.Attribute, of standing: XinetdAttribute.Standing, in path: String,
        into settings: inout XinetdSettings
    ) -> Directive {
        let place = SourcePlace(path, attribute.line)
        func passedOver(_ why: String) -> Directive {
            Directive(attribute.text, at: place, .approximated("\(why); xinetd passes over it, and so does the table"))
        }
        guard let known = XinetdAttribute.named(attribute.name) else {
            return passedOver("there is no such attribute")
        }
        guard known.standing.contains(standing) else {
            return passedOver(standing == .defaults ? "it cannot stand in defaults" : "it cannot stand in a service")
        }
        if !known.isModifiable {
            if settings.given.contains(attribute.name) { return passedOver("the attribute is set already") }
            if attribute.operation != .set { return passedOver("the attribute knows = only") }
        }
        if case .exactly(let count) = known.count, attribute.values.count != count {
            return passedOver("the attribute has \(count == 1 ? "one value" : "\(count) values")")
        }
        var attribute = attribute
        // In defaults, = adds as += does.
        if standing == .defaults, known.isModifiable, attribute.operation == .set { attribute.operation = .add }
        do throws(XinetdAttribute.Problem) {
            let fidelity = try known.read(&settings, attribute)
            settings.given.insert(known.name)
            settings.places[known.name] = place
            return Directive(attribute.text, at: place, fidelity ?? known.row.outcome)
        } catch {
            settings.isDisabled = true
            let what = standing == .defaults ? "does not start" : "disables the service"
            return Directive(attribute.text, at: place, .notExpressible("\(error.message); xinetd \(what)"))
        }
    }

    /// Makes services of the entries, now that all `defaults` are known.
    mutating func write(into report: inout ImportReport) {
        report.table.explain(XinetdImporter.explanation)
        for step in steps {
            switch step {
            case .comment(let text): report.table.add(comment: text)
            case .note(let directive): report.note(directive)
            case .failure(let message, let place, let text): report.fail(message, at: place, text: text)
            case .service(let entry): add(entry, to: &report)
            }
        }
    }

    private mutating func add(_ entry: Entry, to report: inout ImportReport) {
        var values = entry.settings
        values.inherit(defaults)
        let id = values.id ?? entry.name
        let isEnabled = defaults.enabledIDs?.contains(id) ?? true && !defaults.disabledIDs.contains(id)
        let made = XinetdService(
            entry.name, values, at: entry.place, isEnabled: isEnabled, resolving: settings.resolving, banners: banners)
        var directives = [Directive("service \(entry.name)", at: entry.place, made.fidelity)]
        for var directive in entry.directives {
            if let remark = made.remarks[directive.place] { directive.fidelity = remark }
            directives.append(directive)
        }
        guard var draft = made.draft else {
            for directive in directives { report.note(directive) }
            return
        }
        draft.comments = entry.comments
        // Neither program knows a peer of a stream wait service, so no rule is asked.
        if let daemon = made.wrapped {
            let verdict = wrappers.verdict(of: daemon, into: &report, files: &settings.files)
            directives += draft.apply(verdict, isChecked: true)
        }
        report.add(draft, directives)
    }
}
