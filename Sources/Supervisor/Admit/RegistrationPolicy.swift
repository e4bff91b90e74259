internal import LinuxSystem
internal import ServiceTable

/// Who may join a service as a handler, by the kernel's word on the peer: pure.
struct RegistrationPolicy {
    private let rule: Handoff.Registration
    private let serviceUser: UInt32?
    private let supervisor: UInt32
    /// What a uid that has no name here shows as, seen from a user namespace; it may be anybody's.
    private let overflow: UInt32

    /// - Parameters:
    ///   - serviceUser: The service's `user`, if it has no `handoff.exec`.
    ///   - supervisor: The supervisor's own uid.
    init(_ rule: Handoff.Registration, serviceUser: UInt32?, supervisor: UInt32, overflow: UInt32) {
        self.rule = rule
        self.serviceUser = serviceUser
        self.supervisor = supervisor
        self.overflow = overflow
    }

    func admits(_ credentials: PeerCredentials) -> Bool {
        let uid = credentials.uid
        guard uid != overflow else { return false }
        switch rule {
        case .nobody: return false
        case .standard: return uid == 0 || uid == supervisor || uid == serviceUser
        case .only(let users, let groups):
            return users.contains(uid) || groups.contains(credentials.gid)
                || credentials.groups.contains { groups.contains($0) }
        }
    }
}
