internal import LinuxSystem

/// What a process says of itself to NOTIFY_SOCKET (sd_notify(3)), as far as Baton listens.
enum ProcessNotification: Equatable {
    case ready
    case stopping
    case status(String)
    /// WATCHDOG=1
    case alive
    /// WATCHDOG=trigger: it wants to be taken for hung, now.
    case trigger
    /// WATCHDOG_USEC=: the time within which it will say WATCHDOG=1 from now on.
    case heartbeat(Duration)
}

/// One datagram to NOTIFY_SOCKET: pure.
enum NotifyMessage {
    /// Bytes; a longer message is none.
    static let longest = 4096
    private static let mostLines = 64
    private static let longestStatus = 1024
    /// As in the table, a heartbeat is at most 49 days.
    private static let longestHeartbeat = UInt64(49 * 86_400) * 1_000_000

    /// What it says; names that Baton does not know are passed over. Nil when it is no notification: no
    /// `NAME=value` a line, no UTF-8, too much.
    static func parse(_ bytes: ArraySlice<UInt8>) -> [ProcessNotification]? {
        guard !bytes.isEmpty, bytes.count <= longest else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        // Bytes, not characters: CR LF is one of these, and so is "=" with an accent behind it.
        let lines = text.utf8.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        guard !lines.isEmpty, lines.count <= mostLines else { return nil }
        var found: [ProcessNotification] = []
        for line in lines {
            guard let end = line.firstIndex(of: UInt8(ascii: "=")), isName(line[..<end]) else { return nil }
            let value = Substring(line[line.index(after: end)...])
            if let notification = read(Substring(line[..<end]), value) { found.append(notification) }
        }
        return found
    }

    private static func isName(_ name: Substring.UTF8View) -> Bool {
        !name.isEmpty && name.allSatisfy { (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
    }

    private static func read(_ name: Substring, _ value: Substring) -> ProcessNotification? {
        switch (name, value) {
        case ("READY", "1"): .ready
        case ("STOPPING", "1"): .stopping
        case ("WATCHDOG", "1"): .alive
        case ("WATCHDOG", "trigger"): .trigger
        case ("WATCHDOG_USEC", _):
            UInt64(value).flatMap { $0 > 0 && $0 <= longestHeartbeat ? .heartbeat(.microseconds($0)) : nil }
        case ("STATUS", _): .status(beginning(of: value))
        default: nil
        }
    }

    /// Cut before a scalar that goes over the limit.
    private static func beginning(of status: Substring) -> String {
        let limit = status.utf8.index(status.startIndex, offsetBy: longestStatus, limitedBy: status.endIndex)
        return String(status[..<(limit ?? status.endIndex)])
    }
}
