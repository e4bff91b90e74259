import Testing

@testable import LinuxSystem
@testable import ServiceTable
@testable import Supervisor

@Suite("who may register")
struct RegistrationPolicyTests {
    private let overflow: UInt32 = 65534

    private func policy(_ rule: Handoff.Registration, serviceUser: UInt32? = nil) -> RegistrationPolicy {
        RegistrationPolicy(rule, serviceUser: serviceUser, supervisor: 1000, overflow: overflow)
    }

    private func peer(_ uid: UInt32, gid: UInt32 = 500, groups: [UInt32] = []) -> PeerCredentials {
        PeerCredentials(pid: 1, uid: uid, gid: gid, groups: groups)
    }

    private func admitted(_ policy: RegistrationPolicy, of uids: [UInt32]) -> [UInt32] {
        uids.filter { policy.admits(peer($0)) }
    }

    @Test("by default root, the supervisor's user and the service's")
    func standard() {
        #expect(admitted(policy(.standard), of: [0, 1000, 1001, 33]) == [0, 1000])
        #expect(admitted(policy(.standard, serviceUser: 33), of: [0, 1000, 1001, 33]) == [0, 1000, 33])
    }

    @Test("a list is the whole list: users, groups and supplementary groups; root only if it is there")
    func list() {
        let listed = policy(.only(users: [33], groups: [600]), serviceUser: 34)
        #expect(admitted(listed, of: [0, 1000, 33, 34]) == [33])
        #expect(listed.admits(peer(7, gid: 600)))
        #expect(listed.admits(peer(7, groups: [1, 600])))
        #expect(!listed.admits(peer(7, groups: [1, 601])))
        #expect(admitted(policy(.only(users: [], groups: [])), of: [0, 1000]).isEmpty)
    }

    @Test("false: nobody, not even root")
    func nobody() {
        #expect(admitted(policy(.nobody, serviceUser: 33), of: [0, 1000, 33]).isEmpty)
    }

    @Test("the overflow uid may be anybody's, and never matches, whoever lists it")
    func overflowUser() {
        #expect(!policy(.only(users: [overflow], groups: [500])).admits(peer(overflow)))
        #expect(!policy(.standard, serviceUser: overflow).admits(peer(overflow)))
        let nameless = RegistrationPolicy(.standard, serviceUser: nil, supervisor: overflow, overflow: overflow)
        #expect(!nameless.admits(peer(overflow)))
    }
}
