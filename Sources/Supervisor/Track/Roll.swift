/// What can stand in a `Roll`, in one at a time.
protocol RollMember: AnyObject {
    /// The roll's.
    var rollPlace: Int { get set }
}

/// Objects in no order, each of which knows its place: to enter and to leave costs the same however many there are.
struct Roll<Member: RollMember> {
    private(set) var members: [Member] = []

    var count: Int { members.count }

    mutating func add(_ member: Member) {
        member.rollPlace = members.count
        members.append(member)
    }

    mutating func remove(_ member: Member) {
        let place = member.rollPlace
        guard members.indices.contains(place), members[place] === member, let last = members.popLast(), last !== member
        else { return }
        last.rollPlace = place
        members[place] = last
    }
}
