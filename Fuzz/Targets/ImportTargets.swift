import Importers
import ServiceTable

extension FuzzTarget {
    static let inetd = FuzzTarget("inetd", words: words(of: .inetd)) { bytes throws(Finding) in
        guard !bytes.contains("include") else { return }
        try InputFiles(["inetd.conf": bytes]).check(.inetd, "inetd.conf")
    }

    static let xinetd = FuzzTarget("xinetd", words: words(of: .xinetd)) { bytes throws(Finding) in
        guard !bytes.contains("include") else { return }
        try InputFiles(["xinetd.conf": bytes]).check(.xinetd, "xinetd.conf")
    }

    /// A socket unit, then its service, then a drop-in of both.
    static let systemd = FuzzTarget("systemd", words: words(of: .systemd)) { bytes throws(Finding) in
        let parts = bytes.parts
        let service = parts.count > 1 ? parts[1] : []
        var files = ["a.socket": parts[0], "a.service": service, "a@.service": service]
        if parts.count > 2 {
            for unit in files.keys { files["\(unit).d/1.conf"] = parts[2] }
        }
        try InputFiles(files).check(.systemd, "a.socket")
    }

    /// hosts.allow and hosts.deny, for daemons behind tcpd.
    static let hosts = FuzzTarget("hosts", words: hostsWords) { bytes throws(Finding) in
        // A list of patterns in another file, which would be one of this machine.
        guard ![" /", ":/", ",/", "\t/", "\\\n/"].contains(where: { bytes.contains($0) }) else { return }
        let parts = bytes.parts
        let files = ["hosts.allow": parts[0], "hosts.deny": parts.count > 1 ? parts[1] : []]
        try InputFiles(files.merging(["inetd.conf": wrapped]) { $1 }).check(.inetd, "inetd.conf")
    }

    private static let wrapped = Array(
        """
        ftp stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.ftpd
        telnet stream tcp nowait root /usr/sbin/tcpd in.telnetd
        tftp dgram udp wait root /usr/sbin/tcpd in.tftpd
        finger stream tcp nowait nobody /usr/sbin/tcpd in.fingerd

        """.utf8)

    private static func words(of format: SourceFormat) -> [String] {
        Importers.table(of: format).rows.flatMap { $0.name.split { " ,/".contains($0) } }.map { String($0) }
    }

    private static let hostsWords = [
        "ALL", "LOCAL", "KNOWN", "UNKNOWN", "PARANOID", "EXCEPT", "in.ftpd", "in.telnetd", "in.tftpd", "in.fingerd",
        "spawn", "twist", "severity", "banners", "rfc931", "allow", "deny", "keepalive", "linger", "setenv", "umask",
        "user", "nice", "255.255.255.0", "10.0.0.", ".example.org", "[fe80::]/10", "@net",
    ]
}

extension InputFiles {
    /// Imports `file`. Whatever stands in it, the import ends in a table that can be read, and what it says is about the
    /// files that there are.
    fileprivate func check(_ format: SourceFormat, _ file: String) throws(Finding) {
        let settings = ImportSettings(resolving: false)
        let report = Importers.read(format, paths: ["\(path)/\(file)"], settings: settings)
        let text = TableText(report.table).text
        let loaded = ServiceTableReader.read(text: Array(text.utf8), name: "table", resolving: false)
        let faults = loaded.faults.filter { $0.severity == .error && !$0.message.contains("there is no service") }
        try hold(faults.isEmpty, "\(faults)\n\(text)")
        if let table = loaded.table {
            try hold(
                table.services.map(\.name) == report.table.services.map(\.name), "other services in the table\n\(text)")
        }
        for place in report.directives.map(\.place) + report.errors.map(\.place) {
            guard let lines = lines[place.file] else { continue }
            try hold((0...lines).contains(place.line), "no such place: \(place.words)")
        }
        for line in report.warnings + report.losses {
            try hold(!line.unicodeScalars.contains { $0.value < 0x20 }, "a control character in \(line)")
        }
        if report.outcome == .complete { try hold(report.losses.isEmpty, "complete, with \(report.losses)") }
    }
}
