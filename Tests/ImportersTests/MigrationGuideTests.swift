import Foundation
import Importers
import TestSupport
import Testing

/// docs/migration.md says what the importers do, because its tables are theirs.
///
/// `BATON_WRITE_GUIDE=1 swift test --disable-xctest --filter MigrationGuideTests` writes them anew.
@Suite(.serialized) struct MigrationGuideTests {
    private static let path = Repository.path("docs/migration.md")
    private static let tables: [(name: String, table: DirectiveTable)] = [
        ("inetd", Importers.table(of: .inetd)), ("xinetd", Importers.table(of: .xinetd)),
        ("wrappers", Importers.wrapperTable), ("systemd", Importers.table(of: .systemd)),
    ]

    private func guide() throws -> String { try String(contentsOfFile: Self.path, encoding: .utf8) }

    /// One line for all directives of a group that fare alike.
    private static func markdown(_ table: DirectiveTable) -> String {
        var lines: [String] = []
        for group in table.groups {
            lines += ["", "**\(group.heading)**", "", "| | | becomes | what differs, and why |", "|---|---|---|---|"]
            var rows: [(names: [String], row: DirectiveRow)] = []
            for row in group.rows {
                if let last = rows.last, last.row.key == row.key, last.row.note == row.note,
                    last.row.fidelity == row.fidelity, !row.note.isEmpty
                {
                    rows[rows.count - 1].names.append(row.name)
                } else {
                    rows.append(([row.name], row))
                }
            }
            for (names, row) in rows {
                let cells = [
                    names.map { $0.contains(" ") ? $0 : "`\($0)`" }.joined(separator: ", "), row.fidelity.words,
                    row.key.isEmpty ? "" : "`\(row.key)`", row.note,
                ]
                lines.append("| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    @Test("the guide's tables are those of the importers", arguments: tables.map(\.name))
    func showsTable(_ name: String) throws {
        let table = try #require(Self.tables.first { $0.name == name }).table
        let text = try guide()
        let start = "<!-- rows: \(name) -->\n"
        let range = try #require(text.range(of: start))
        let end = try #require(text.range(of: "\n<!-- end -->", range: range.upperBound..<text.endIndex))
        let wanted = Self.markdown(table)
        if ProcessInfo.processInfo.environment["BATON_WRITE_GUIDE"] != nil {
            try text.replacingCharacters(in: range.upperBound..<end.lowerBound, with: wanted)
                .write(toFile: Self.path, atomically: true, encoding: .utf8)
        } else {
            #expect(text[range.upperBound..<end.lowerBound] == wanted, "write it anew with BATON_WRITE_GUIDE=1")
        }
    }

    private func names(of table: DirectiveTable) -> String { table.rows.map(\.name).joined(separator: "\n") }

    @Test("each attribute of xinetd.conf(5) has a row")
    func xinetd() {
        let names = names(of: Importers.table(of: .xinetd))
        for attribute in [
            "id", "type", "flags", "disable", "socket_type", "protocol", "wait", "user", "group", "instances", "nice",
            "server", "server_args", "libwrap", "only_from", "no_access", "access_times", "log_type",
            "log_on_success", "log_on_failure", "rpc_version", "rpc_number", "env", "passenv", "port", "redirect",
            "bind", "interface", "banner", "banner_success", "banner_fail", "per_source", "cps", "max_load",
            "groups", "mdns", "umask", "enabled", "disabled", "include", "includedir", "rlimit_as", "rlimit_cpu",
            "rlimit_data", "rlimit_rss", "rlimit_stack", "deny_time",
        ] {
            #expect(names.contains(attribute), "\(attribute)")
        }
        for flag in [
            "INTERCEPT", "NORETRY", "IDONLY", "NAMEINARGS", "NODELAY", "KEEPALIVE", "NOLIBWRAP", "SENSOR", "IPv4",
            "IPv6", "LABELED", "REUSE",
        ] {
            #expect(names.contains(flag), "\(flag)")
        }
    }

    @Test("each field of an inetd.conf has a row")
    func inetd() {
        let names = names(of: Importers.table(of: .inetd))
        for field in ["service name", "stream", "tcp", "wait", "user", "server program", "arguments", "internal"] {
            #expect(names.contains(field), "\(field)")
        }
    }

    @Test("each option of tcpserver(1) has a row")
    func tcpserver() throws {
        let text = try guide()
        let section = try #require(text.range(of: "## tcpserver"))
        let rows = text[section.upperBound...].split(separator: "\n").filter { $0.hasPrefix("| `") }
        let options = Set(
            rows.flatMap { row in
                row.dropFirst(2).prefix { $0 != "|" }.split(separator: ",").map { cell in
                    cell.filter { $0 != "`" }.split(separator: " ").first.map { String($0) } ?? ""
                }
            })
        for letter in "qQvcxXBguU1boOdDhHpPlRrt46I" { #expect(options.contains("-\(letter)"), "-\(letter)") }
        for argument in ["host", "port", "prog"] { #expect(options.contains(argument), "\(argument)") }
    }
}
