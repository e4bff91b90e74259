import Testing

@testable import Supervisor

/// Who has a place at the control socket.
@Suite struct ControlPlacesTests {
    private typealias Client = ControlPlaces.Client

    private func clients(
        _ count: Int, uid: UInt32, isGuest: Bool = true, _ occupation: ControlPlaces.Occupation = .idle
    ) -> [Client] {
        (0..<count).map {
            Client(uid: uid, isGuest: isGuest, occupation: occupation, lastUse: .seconds($0 + Int(uid)))
        }
    }

    private func decide(_ uid: UInt32, isGuest: Bool = true, _ clients: [Client]) -> ControlPlaces.Decision {
        ControlPlaces.decide(uid: uid, isGuest: isGuest, among: clients)
    }

    @Test("a guest that takes all it can get displaces itself")
    func greedy() {
        let owner = clients(1, uid: 0, isGuest: false)
        #expect(decide(5, owner + clients(7, uid: 5)) == .admit)
        #expect(decide(5, owner + clients(8, uid: 5)) == .replace(1))
        #expect(decide(6, owner + clients(8, uid: 5)) == .admit)
    }

    @Test("many guests displace the one that has most places, never an owner")
    func many() {
        let guests = (1...8).flatMap { clients(4, uid: $0) }
        #expect(decide(9, guests) == .replace(28), "the highest of those with most")
        var uneven = guests
        uneven[0].uid = 2
        #expect(decide(9, uneven) == .replace(0))
        #expect(decide(0, isGuest: false, guests) == .admit)
    }

    @Test("an owner gets in whatever guests do, and what waits for an answer goes last")
    func owners() {
        let waiting = clients(40, uid: 0, isGuest: false, .waiting)
        let full = waiting + (1...6).flatMap { clients(4, uid: $0, .following) }
        #expect(full.count == ControlPlaces.most)
        #expect(decide(0, isGuest: false, full) == .replace(40))
        #expect(decide(9, full) == .replace(40), "a guest takes a guest's place")

        var owners = clients(64, uid: 0, isGuest: false, .waiting)
        #expect(decide(9, owners) == .refuse)
        #expect(decide(0, isGuest: false, owners) == .replace(0))
        owners[17].occupation = .following
        owners[30].occupation = .idle
        #expect(decide(0, isGuest: false, owners) == .replace(30))
    }
}
