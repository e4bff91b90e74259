internal import LinuxSystem
internal import SystemPackage

/// Reads inetd.conf in the dialects of 4.4BSD, FreeBSD, NetBSD, OpenBSD and Debian, GNU inetutils and busybox.
enum InetdImporter: Importer {
    static let table = InetdRow.table

    static func read(_ path: String, into report: inout ImportReport, settings: inout ImportSettings) {
        var reader = InetdReader(path, settings: settings)
        reader.read(path, hosts: [], chain: [])
        reader.write(into: &report)
        settings = reader.settings
    }
}

private struct InetdReader {
    var settings: ImportSettings
    private var steps: [Step] = []
    private var wrappers: WrapperRules

    /// What stands in the files, in their order.
    private enum Step {
        case comment(String)
        case note(Directive)
        case failure(String, SourcePlace, text: String)
        case service(InetdFields, details: [Directive])
    }

    init(_ path: String, settings: ImportSettings) {
        self.settings = settings
        wrappers = WrapperRules(beside: path, files: settings.files)
    }

    mutating func read(_ path: String, hosts: [String], chain: [String]) {
        if settings.files.isDirectory(path) {
            return readDirectory(path, hosts: hosts, chain: chain)
        }
        let bytes: [UInt8]
        do throws(SourceFiles.Failure) {
            bytes = try settings.files.read(path)
        } catch {
            steps.append(.failure(error.message, SourcePlace(path, 0), text: ""))
            return
        }
        var hosts = hosts
        for item in InetdText(bytes).items {
            switch item {
            case .comment(let text): steps.append(.comment(text))
            case .policy(let text, let line):
                // An empty one ends the policy before it.
                let fidelity = text.isEmpty ? Fidelity.exact : InetdRow.policy.outcome
                steps.append(.note(Directive("#@ \(text)", at: SourcePlace(path, line), fidelity)))
            case .entry(let entry): take(entry, in: path, hosts: &hosts, chain: chain)
            case .keys(let keys): take(keys, in: path, hosts: hosts)
            }
        }
    }

    private mutating func take(
        _ entry: InetdText.Entry, in path: String, hosts: inout [String], chain: [String]
    ) {
        let place = SourcePlace(path, entry.line)
        let words = entry.text.words
        if entry.isEnabled, words.first?.hasPrefix(".") == true {
            return include(InetdWords(entry.text).words, at: place, hosts: hosts, chain: chain)
        }
        if words.count == 1, let host = words.first, host.hasSuffix(":"), host.count > 1 {
            hosts = host == "*:" ? [] : InetdFields.hosts(host.dropLast())
            steps.append(.note(Directive(entry.text, at: place, InetdRow.defaultHost.outcome)))
            return
        }
        do throws(InetdFields.Problem) {
            steps.append(.service(try InetdFields(entry, in: path, defaultHosts: hosts), details: []))
        } catch {
            if entry.isEnabled {
                steps.append(.failure(error.message, place, text: entry.text))
            } else {
                steps.append(.comment("<off> \(entry.text)"))
            }
        }
    }

    private mutating func take(_ keys: InetdKeys, in path: String, hosts: [String]) {
        do throws(InetdFields.Problem) {
            let fields = try InetdFields(keys, in: path, defaultHosts: hosts)
            // What a key loses is told at the entry; here it is accounted for.
            let details = keys.pairs.map { pair in
                Directive(
                    "\(pair.key) = \(pair.values.joined(separator: " "))", at: SourcePlace(path, pair.line), .exact)
            }
            steps.append(.service(fields, details: details))
        } catch {
            steps.append(.failure(error.message, SourcePlace(path, keys.line), text: keys.service))
        }
    }

    private mutating func readDirectory(_ path: String, hosts: [String], chain: [String]) {
        let start = path.hasSuffix("/") ? path : path + "/"
        do throws(SourceFiles.Failure) {
            for name in try settings.files.files(in: path) where !name.hasSuffix("~") {
                read(start + name, hosts: hosts, chain: chain)
            }
        } catch {
            steps.append(.failure(error.message, SourcePlace(path, 0), text: ""))
        }
    }

    private mutating func include(_ words: [String], at place: SourcePlace, hosts: [String], chain: [String]) {
        let text = words.joined(separator: " ")
        guard words.count == 2, words[0] == ".include" else {
            steps.append(.failure("there is .include with one path, and no other directive", place, text: text))
            return
        }
        let pattern = words[1].hasPrefix("/") ? words[1] : place.file.directoryPrefix + words[1]
        let paths: [String]
        do throws(Errno) {
            paths = try FileSystem.paths(matching: pattern)
        } catch {
            steps.append(.failure("\(pattern.quotable) cannot be read: \(error)", place, text: text))
            return
        }
        steps.append(.note(Directive(text, at: place, InetdRow.include.outcome)))
        for path in paths {
            let path = FilePath(path).lexicallyNormalized().string
            if chain.count >= 16 || chain.contains(path) || path == place.file {
                steps.append(.failure("\(path.quotable) includes itself", place, text: text))
            } else {
                read(path, hosts: hosts, chain: chain + [place.file])
            }
        }
    }

    /// Makes services of the entries; one that a later one replaces is left out, as inetd leaves it.
    mutating func write(into report: inout ImportReport) {
        report.table.explain(InetdImporter.explanation)
        var last: [String: InetdFields] = [:]
        for case .service(let fields, _) in steps where fields.isEnabled { last[fields.identity] = fields }
        for step in steps {
            switch step {
            case .comment(let text): report.table.add(comment: text)
            case .note(let directive): report.note(directive)
            case .failure(let message, let place, let text): report.fail(message, at: place, text: text)
            case .service(let fields, let details):
                if fields.isEnabled, let other = last[fields.identity], other.place != fields.place {
                    let reason = "line \(other.place.line) has the same service again and replaces it, as in inetd"
                    report.note(Directive(fields.text, at: fields.place, .approximated(reason)))
                } else {
                    add(fields, details, to: &report)
                }
            }
        }
    }

    private mutating func add(_ fields: InetdFields, _ details: [Directive], to report: inout ImportReport) {
        let made = InetdService(fields, resolving: settings.resolving)
        var directives = [Directive(fields.text, at: fields.place, made.fidelity)] + details
        if var draft = made.draft {
            if let daemon = made.wrapped {
                let verdict = wrappers.verdict(of: daemon, into: &report, files: &settings.files)
                let isChecked = draft["wait"] == nil || fields.socketType == "dgram"
                directives += draft.apply(verdict, isChecked: isChecked)
            }
            report.add(draft, directives)
        } else {
            for directive in directives { report.note(directive) }
        }
    }
}

extension InetdImporter {
    /// What holds for every service, said once.
    fileprivate static let explanation = [
        "Baton's own limits hold where inetd had none: 256 processes a service, 64 connections a source; "
            + "further connections wait or are refused. openbsd-inetd's 256 starts a minute are not carried over.",
        "tcp and udp mean IPv4 and IPv6, as in Debian's openbsd-inetd. Programs get a clean environment.",
        "Running processes end with the supervisor; on_stop: leave lets them go on, as inetd does.",
    ]
}
