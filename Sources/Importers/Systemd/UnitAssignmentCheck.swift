extension UnitAssignment {
    /// systemd passes over the line, for its value does not parse: what the key had before stands.
    ///
    /// Only for keys that have one value, and whose value the kind alone decides. Of these an empty one takes nothing
    /// back, but for two.
    var isPassedOver: Bool {
        switch key {
        case "Accept", "KeepAlive", "NoDelay", "ReusePort", "FreeBind", "Transparent", "Broadcast", "RemoveOnStop",
            "NoNewPrivileges", "SendSIGKILL":
            UnitValue.bool(value) == nil
        case "MaxConnections", "MaxConnectionsPerSource", "TriggerLimitBurst", "PollLimitBurst", "StartLimitBurst",
            "Backlog", "KeepAliveProbes":
            UnitValue.number(value) == nil
        case "TriggerLimitIntervalSec", "PollLimitIntervalSec", "StartLimitIntervalSec", "StartLimitInterval",
            "KeepAliveTimeSec", "KeepAliveIntervalSec", "DeferAcceptSec", "TimeoutStopSec", "TimeoutSec",
            "RuntimeMaxSec":
            UnitValue.span(value) == nil
        case "ReceiveBuffer", "SendBuffer": UnitValue.size(value) == nil
        case "SocketMode", "DirectoryMode", "UMask": UnitValue.mode(value) == nil
        case "Nice": !value.isEmpty && !Self.isNumber(value, -20...19)
        case "OOMScoreAdjust": !value.isEmpty && !Self.isNumber(value, -1000...1000)
        case "StandardInput": !SystemdOutput.isInput(value)
        default: SystemdLimit(key, value).map { $0.value == nil } ?? false
        }
    }

    private static func isNumber(_ text: String, _ range: ClosedRange<Int>) -> Bool {
        Int(text).map(range.contains) ?? false
    }
}
