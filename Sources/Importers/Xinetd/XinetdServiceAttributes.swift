/// Values of `type` and `flags` that need more than the attribute's own row.
enum XinetdWord {
    static let types: [String: DirectiveRow] = [
        "internal": DirectiveRow("type = INTERNAL", .exact, "internal"),
        "unlisted": DirectiveRow("type = UNLISTED", .exact, "listen", "The port stands in the table."),
        "tcpmux": DirectiveRow("type = TCPMUX", .exact, "tcpmux: NAME"),
        "tcpmuxplus": DirectiveRow("type = TCPMUXPLUS", .exact, "tcpmux: +NAME"),
        "rpc": DirectiveRow(
            "type = RPC", .notExpressible, "enabled: false",
            "Baton does not register ports with rpcbind, so clients would not find the service; it is disabled"),
    ]

    static let flags: [String: DirectiveRow] = [
        "nameinargs": DirectiveRow("flags = NAMEINARGS", .exact, "argv0"),
        "nodelay": DirectiveRow("flags = NODELAY", .exact, "socket.no_delay"),
        "keepalive": DirectiveRow("flags = KEEPALIVE", .exact, "socket.keep_alive"),
        "nolibwrap": DirectiveRow(
            "flags = NOLIBWRAP", .exact, "", "hosts.allow and hosts.deny are not looked at for this service."),
        "ipv4": DirectiveRow("flags = IPv4", .exact, "listen: tcp4://, udp4://"),
        "ipv6": DirectiveRow("flags = IPv6", .exact, "listen", "IPv4 too, unless v6only, as there."),
        "reuse": DirectiveRow("flags = REUSE", .exact, "", "Always so, as in xinetd."),
        "intercept": DirectiveRow(
            "flags = INTERCEPT", .approximated, "only_from",
            "the source of the datagram that starts the program is checked, not that of each packet"),
        "noretry": DirectiveRow(
            "flags = NORETRY", .approximated, "",
            "a program that cannot be started costs its connection; Baton does not try that one again either"),
        "idonly": DirectiveRow(
            "flags = IDONLY", .notExpressible, "", "Baton asks no ident server (RFC 1413), whose answers prove nothing"),
        "sensor": DirectiveRow(
            "flags = SENSOR", .notExpressible, "enabled: false",
            "Baton has no trap services; use a tool such as fail2ban on the log"),
        "labeled": DirectiveRow(
            "flags = LABELED", .notExpressible, "", "Baton does not change SELinux contexts by connection"),
    ]
}

extension XinetdAttribute {
    static let service: [XinetdAttribute] = [
        XinetdAttribute("id", .exact, "(the service's name)") { settings, attribute throws(Problem) in
            settings.id = attribute.values.first
            return nil
        },
        XinetdAttribute("type", .exact, "internal, tcpmux", count: .any) { settings, attribute throws(Problem) in
            let words = try words(attribute, among: Set(XinetdWord.types.keys))
            settings.types.formUnion(words)
            return outcome(words, XinetdWord.types)
        },
        XinetdAttribute("flags", .exact, "socket, listen, argv0", count: .any) { settings, attribute throws(Problem) in
            let words = try words(attribute, among: Set(XinetdWord.flags.keys))
            settings.flags.formUnion(words)
            return outcome(words, XinetdWord.flags)
        },
        XinetdAttribute("disable", .exact, "enabled: false") { settings, attribute throws(Problem) in
            settings.isDisabled = try yes(attribute) || settings.isDisabled
            return nil
        },
        XinetdAttribute("socket_type", .exact, "listen") { settings, attribute throws(Problem) in
            let type = attribute.values.first?.lowercased() ?? ""
            guard ["stream", "dgram", "raw", "seqpacket"].contains(type) else {
                throw Problem(message: "\(type.quotable) is no socket type")
            }
            settings.socketType = type
            return ["raw", "seqpacket"].contains(type)
                ? .notExpressible("Baton listens on tcp, udp, Unix and vsock sockets only") : nil
        },
        XinetdAttribute("protocol", .exact, "listen") { settings, attribute throws(Problem) in
            let name = attribute.values.first?.lowercased() ?? ""
            settings.protocolName = name
            return ["tcp", "udp"].contains(name) ? nil : .notExpressible("Baton listens on tcp and udp only")
        },
        XinetdAttribute("wait", .exact, "wait", "A datagram service waits, whatever is said.") {
            settings, attribute throws(Problem) in
            settings.waits = try yes(attribute)
            return nil
        },
        XinetdAttribute(
            "port", .exact, "listen",
            "Other than that of services(5), and without type = UNLISTED, the service is disabled, as in xinetd."
        ) { settings, attribute throws(Problem) in
            settings.port = UInt16(try number(attribute.values[0], upTo: 65535))
            return nil
        },
        XinetdAttribute(
            "bind", .exact, "listen", "An address that is not there yet is tried again, which xinetd does not.",
            in: .both, read: bind),
        XinetdAttribute("interface", .exact, "listen", "The same as bind.", in: .both, read: bind),
        XinetdAttribute("v6only", .exact, "listen: tcp6://, udp6://", in: .both) {
            settings, attribute throws(Problem) in
            settings.isIPv6Only = try yes(attribute)
            return nil
        },
        XinetdAttribute(
            "redirect", .exact, "redirect",
            "Without a process a connection; a host name is looked up when the table is read.", count: .exactly(2)
        ) { settings, attribute throws(Problem) in
            settings.redirect = (attribute.values[0], try port(attribute.values[1]))
            return nil
        },
        XinetdAttribute("rpc_version", .notExpressible, "", "RPC services are imported as disabled; see type"),
        XinetdAttribute("rpc_number", .notExpressible, "", "RPC services are imported as disabled; see type"),
        XinetdAttribute("mdns", .exact, "", "Only no; Baton does not publish services by mDNS.", in: .both) {
            _, attribute throws(Problem) in
            guard try yes(attribute) else { return .exact }
            return .notExpressible("Baton does not publish services by mDNS; use an avahi service file")
        },
    ]

    private static let bind: Reader = { settings, attribute throws(Problem) in
        settings.address = attribute.values.first
        return nil
    }

    private static func port(_ text: String) throws(Problem) -> String {
        guard text.isDecimal else {
            guard text.utf8.allSatisfy({ (0x21..<0x7f).contains($0) && $0 != 0x2f && $0 != 0x3a }) else {
                throw Problem(message: "\(text.quotable) is no port")
            }
            return text
        }
        let number = try number(text, upTo: 65535)
        guard number > 0 else { throw Problem(message: "there is no port 0 to connect to") }
        return "\(number)"
    }
}
