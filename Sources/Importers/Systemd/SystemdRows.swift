/// What becomes of the directives of systemd's units.
enum SystemdRow {
    /// Several directives that fare alike.
    static func rows(
        _ names: String, _ kind: Fidelity.Kind, _ key: String = "", _ note: String = ""
    ) -> [DirectiveRow] {
        names.split { $0 == " " || $0 == "\n" }.map { DirectiveRow(String($0), kind, key, note) }
    }

    /// What [Service] may hold: its own, and those for processes, control groups and signals.
    private static let service = byName(
        serviceRows + processRows + sandboxRows + resourceRows + killRows)
    private static let socket = byName(
        socketRows
            + (processRows + sandboxRows + resourceRows + killRows).map { row in
                DirectiveRow(
                    row.name, .approximated, "", "in a socket unit it is for the unit's own ExecStartPre=… commands")
            })
    private static let unit = byName(unitRows + conditionRows)
    private static let install = byName(installRows)

    private static func byName(_ rows: [DirectiveRow]) -> [String: DirectiveRow] {
        // The first counts: TimeoutSec= of [Socket] is not that of [Service].
        Dictionary(rows.map { ($0.name, $0) }) { first, _ in first }
    }

    static func row(_ key: String, in section: String) -> DirectiveRow? {
        switch section {
        case "Socket": socket[key]
        case "Service": service[key]
        case "Unit": unit[key]
        case "Install": install[key]
        default: nil
        }
    }

    static let table = DirectiveTable(
        "systemd",
        [
            ("[Socket]", socketRows), ("[Service]", serviceRows), ("Processes (systemd.exec)", processRows),
            ("Sandbox and credentials (systemd.exec)", sandboxRows), ("Signals (systemd.kill)", killRows),
            ("Control groups (systemd.resource-control)", resourceRows), ("[Unit]", unitRows),
            ("Conditions and assertions", conditionRows), ("[Install]", installRows),
            ("Files", fileRows),
        ])

    /// What is no directive.
    private static let fileRows = [
        DirectiveRow(
            "drop-ins (x.socket.d/*.conf)", .exact, "", "Read after the unit; an empty assignment takes back."),
        DirectiveRow(
            "templates (x@.service, x@i.socket)", .exact, "", "Of an Accept=yes socket, and of the instances named."),
        DirectiveRow(
            "specifiers", .approximated, "",
            "those of the unit and of fixed directories are filled in; %H, %m, %b and their kin with their value at the "
                + "import; %i of a connection has none"),
        DirectiveRow(
            "several sockets of one service", .exact, "listen", "They become one service when imported together."),
        DirectiveRow("masked units", .exact, "", "They are left out."),
    ]
}
