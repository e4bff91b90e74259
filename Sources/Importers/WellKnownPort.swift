internal import LinuxSystem

/// Names of ports where services(5) may be missing: small systems have no such file.
enum WellKnownPort {
    private static let numbers: [String: Int] = [
        "tcpmux": 1, "echo": 7, "discard": 9, "systat": 11, "daytime": 13, "netstat": 15, "qotd": 17, "chargen": 19,
        "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "nameserver": 42, "whois": 43, "bootps": 67,
        "tftp": 69, "gopher": 70, "finger": 79, "http": 80, "pop3": 110, "auth": 113, "ident": 113, "nntp": 119,
        "ntp": 123, "imap2": 143, "imap": 143, "imaps": 993, "pop3s": 995, "swat": 901, "rsync": 873, "amanda": 10080,
        "cvspserver": 2401, "git": 9418, "svn": 3690, "nrpe": 5666, "zabbix-agent": 10050, "sane-port": 6566,
    ]
    private static let stream: [String: Int] = ["exec": 512, "login": 513, "shell": 514, "printer": 515, "uucp": 540]
    private static let datagram: [String: Int] = ["biff": 512, "comsat": 512, "who": 513, "talk": 517, "ntalk": 518]

    /// As this machine knows it.
    static func listed(_ name: String, isDatagram: Bool) -> UInt16? {
        NameService.port(named: name, protocol: isDatagram ? "udp" : "tcp")
    }

    /// The name, where this machine knows it; else its number, where that is well known.
    static func word(for name: String, isDatagram: Bool) -> String {
        if listed(name, isDatagram: isDatagram) != nil { return name }
        let number = numbers[name] ?? (isDatagram ? datagram[name] : stream[name])
        return number.map { "\($0)" } ?? name
    }
}
