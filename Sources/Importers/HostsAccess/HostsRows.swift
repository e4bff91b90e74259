/// What becomes of the parts of hosts.allow and hosts.deny.
enum HostsRow {
    private static let files = [
        DirectiveRow(
            "hosts.allow, then hosts.deny", .exact, "only_from, no_access",
            "The blocks are computed so that Baton's most exact match decides as the first match does there. The "
                + "files are read at the time of the import."),
        DirectiveRow("daemon list, EXCEPT, wildcards", .exact, "", "A rule goes to each service that it is for."),
        DirectiveRow(
            "daemon@address", .notExpressible, "",
            "give each address of this machine a service of its own; the rule is left out"),
    ]

    private static let clients = [
        DirectiveRow("ALL, EXCEPT", .exact, "only_from, no_access"),
        DirectiveRow("n.n.n.n, n.n. (a prefix), net/mask, net/length, [v6]/length", .exact, "only_from, no_access"),
        DirectiveRow(".domain", .exact, "only_from, no_access"),
        DirectiveRow(
            "host.name", .approximated, "only_from, no_access",
            "Baton looks the name up and compares addresses; tcp wrappers look the address up and compare names"),
        DirectiveRow("*, ? in patterns", .approximated, "only_from, no_access", "10.1.* and *.example.org only"),
        DirectiveRow("/file", .exact, "only_from, no_access", "Read at the time of the import."),
        DirectiveRow(
            "LOCAL, KNOWN, UNKNOWN, PARANOID", .notExpressible, "", "names decide about no connection by their form"),
        DirectiveRow("@netgroup", .notExpressible, "", "NIS netgroups are not looked up; list its hosts"),
        DirectiveRow("user@host", .notExpressible, "", "Baton asks no ident server; ALL@host is host"),
    ]

    private static let options = [
        DirectiveRow("allow", .exact, "only_from"), DirectiveRow("deny", .exact, "no_access"),
        DirectiveRow(
            "severity", .notExpressible, "log", "every refusal is an event of its own kind; choose by log and events"),
        DirectiveRow(
            "spawn", .notExpressible, "", "no command is run at a connection; baton events tells of each one"),
        DirectiveRow(
            "twist", .notExpressible, "busy_reply",
            "these clients are refused; what the command told them can be said by busy_reply"),
        DirectiveRow(
            "aclexec", .notExpressible, "", "no command decides about a connection; these clients are refused"),
        DirectiveRow(
            "keepalive", .exact, "socket.keep_alive", "Where one rule admits all clients, as for the next four."),
        DirectiveRow("nice", .exact, "nice"), DirectiveRow("umask", .exact, "umask"),
        DirectiveRow("user", .exact, "user, group"),
        DirectiveRow(
            "setenv", .exact, "env", "Without %: Baton's environment has REMOTE_ADDR and more for the handler to read."),
        DirectiveRow("linger", .notExpressible, "", "what lingers is the handler's affair: setsockopt(SO_LINGER)"),
        DirectiveRow("rfc931", .notExpressible, "", "Baton asks no ident server"),
        DirectiveRow(
            "banners", .notExpressible, "banner, busy_reply",
            "a directory of files by daemon; put the text into banner or busy_reply, without % expansions"),
        DirectiveRow("group", .notExpressible, "", "login groups are BSD's; use user with a group"),
    ]

    static func option(_ name: String) -> DirectiveRow? { options.first { $0.name == name } }

    static let table = DirectiveTable(
        "hosts.allow and hosts.deny", [("Rules", files), ("Clients", clients), ("Options", options)])
}

extension Importers {
    /// hosts.allow and hosts.deny, for the migration guide.
    package static var wrapperTable: DirectiveTable { HostsRow.table }
}
