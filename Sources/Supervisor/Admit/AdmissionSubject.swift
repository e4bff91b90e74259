internal import LinuxSystem

/// Who wants to come in, and when.
struct AdmissionSubject {
    /// By the PROXY header, if there was one.
    var source: SocketAddress
    var kind: ConnectionOrigin.Kind
    /// Of a Unix peer.
    var credentials: PeerCredentials?
    var name: SourceName
    /// Since Monday 00:00, local time.
    var minuteOfWeek: Int
    /// The one-minute load average in hundredths.
    var load: Int
}
