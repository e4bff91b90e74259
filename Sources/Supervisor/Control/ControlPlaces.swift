/// Which clients of the control socket have a place, and who goes when they are taken: pure.
///
/// Those that may only look cannot keep out those that may do everything, nor one of them all the others.
enum ControlPlaces {
    /// In all.
    static let most = 64
    /// For those that may only look.
    static let mostGuests = 32
    /// For one uid of them.
    static let mostOfOneGuest = 8

    struct Client: Equatable {
        var uid: UInt32
        /// May only look.
        var isGuest: Bool
        var occupation: Occupation
        /// When it last said or took something.
        var lastUse: Duration
    }

    /// Who is least to be disturbed comes last.
    enum Occupation: Int, Comparable {
        case idle, following, waiting

        static func < (left: Occupation, right: Occupation) -> Bool { left.rawValue < right.rawValue }
    }

    enum Decision: Equatable {
        case admit
        /// The client at this place goes first.
        case replace(Int)
        case refuse
    }

    /// Whether a newcomer gets a place.
    static func decide(uid: UInt32, isGuest: Bool, among clients: [Client]) -> Decision {
        let guests = clients.count { $0.isGuest }
        if isGuest {
            if clients.count(where: { $0.isGuest && $0.uid == uid }) >= mostOfOneGuest {
                return replace(clients) { $0.isGuest && $0.uid == uid }
            }
            if guests >= mostGuests {
                let greediest = greediest(clients)
                return replace(clients) { $0.isGuest && $0.uid == greediest }
            }
        }
        guard clients.count >= most else { return .admit }
        if guests > 0 { return replace(clients) { $0.isGuest } }
        return isGuest ? .refuse : replace(clients) { _ in true }
    }

    private static func greediest(_ clients: [Client]) -> UInt32? {
        var places: [UInt32: Int] = [:]
        for client in clients where client.isGuest { places[client.uid, default: 0] += 1 }
        return places.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
    }

    /// Of those that are meant, the least occupied goes, and of these the one that has been silent longest.
    private static func replace(_ clients: [Client], _ isMeant: (Client) -> Bool) -> Decision {
        let victim = clients.indices.filter { isMeant(clients[$0]) }.min {
            (clients[$0].occupation, clients[$0].lastUse) < (clients[$1].occupation, clients[$1].lastUse)
        }
        return victim.map { .replace($0) } ?? .refuse
    }
}
