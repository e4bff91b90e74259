/// An entry of systemd's journal, in its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
extension Event {
    /// The entry's fields: those that the journal knows, and the members of the JSON form as `BATON_SERVICE`,
    /// `BATON_CONNECTION` and so on. The process that something happened to is `OBJECT_PID`, of which the journal then
    /// adds what it knows itself.
    package var journal: [UInt8] {
        var entry: [UInt8] = []
        entry.appendField("MESSAGE", sentence)
        entry.appendField("PRIORITY", "\(level.syslogSeverity)")
        entry.appendField("SYSLOG_IDENTIFIER", "baton")
        entry.appendField("SYSLOG_FACILITY", "3")
        entry.appendField("BATON_EVENT", kind.name.rawValue)
        for member in fields.members {
            if member.name == "pid" {
                entry.appendField("OBJECT_PID", member.value.plainText)
            } else {
                entry.appendField("BATON_\(member.name.uppercased())", member.value.plainText)
            }
        }
        return entry
    }
}

extension [UInt8] {
    /// `NAME=value`, or for a value of several lines its name, its length as a little-endian number of 64 bits, and it.
    fileprivate mutating func appendField(_ name: String, _ value: String) {
        append(contentsOf: name.utf8)
        if value.utf8.contains(UInt8(ascii: "\n")) {
            append(UInt8(ascii: "\n"))
            let length = UInt64(value.utf8.count)
            for shift in stride(from: 0, to: 64, by: 8) { append(UInt8(truncatingIfNeeded: length >> UInt64(shift))) }
        } else {
            append(UInt8(ascii: "="))
        }
        append(contentsOf: value.utf8)
        append(UInt8(ascii: "\n"))
    }
}
