internal import LinuxSystem

/// Who wants to come in, and when.
struct AdmissionSubject {
    /// By the PROXY header, if there was one.
    var source: SocketAddress
    var kind: ConnectionOrigin.Kind
    /// It comes from another service (route, tcpmux, PASS), and so from a source that a list may not be made for.
    var isOffered = false
    /// Of a Unix peer.
    var credentials: PeerCredentials?
    var name: SourceName
    /// Since Monday 00:00, local time.
    var minuteOfWeek: Int
    /// The one-minute load average in hundredths.
    var load: Int
}
