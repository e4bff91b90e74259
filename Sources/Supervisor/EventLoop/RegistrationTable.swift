internal import LinuxSystem
internal import SystemPackage

/// Names a registration. Descriptor numbers are reused within one batch of events; these never are.
struct RegistrationID: Hashable {
    /// In the low bits its place, above them how many there were before it, and the highest says that its turn is first.
    let number: UInt64

    fileprivate static let placeBits: UInt64 = 24
    private static let firstBit: UInt64 = 1 << 63

    init(number: UInt64) {
        self.number = number
    }

    fileprivate init(place: Int, serial: UInt64, isFirst: Bool) {
        let serial = serial << Self.placeBits & ~Self.firstBit
        number = UInt64(place) | serial | (isFirst ? Self.firstBit : 0)
    }

    fileprivate var place: Int { Int(number & (1 << Self.placeBits - 1)) }
    /// It is told before all others of a round.
    var isFirst: Bool { number & Self.firstBit != 0 }
}

/// What the loop watches: found by its place, for each event asks for it.
struct RegistrationTable {
    struct Registration {
        fileprivate let id: RegistrationID
        let source: any EventSource
        let descriptor: FileDescriptor
        var interest: Epoll.Interest
    }

    private var places: [Registration?] = []
    private var free: [Int] = []
    private var serial: UInt64 = 0

    /// Not before the kernel has taken it.
    mutating func add(
        _ source: any EventSource, _ descriptor: FileDescriptor, _ interest: Epoll.Interest, isFirst: Bool,
        _ take: (RegistrationID) throws(Errno) -> Void
    ) throws(Errno) -> RegistrationID {
        serial += 1
        let id = RegistrationID(place: free.last ?? places.count, serial: serial, isFirst: isFirst)
        try take(id)
        let registration = Registration(id: id, source: source, descriptor: descriptor, interest: interest)
        if let place = free.popLast() { places[place] = registration } else { places.append(registration) }
        return id
    }

    /// Nil when it was forgotten.
    subscript(id: RegistrationID) -> Registration? {
        guard id.place < places.count, let registration = places[id.place], registration.id == id else { return nil }
        return registration
    }

    /// Its source; nil when it was forgotten.
    func source(of id: RegistrationID) -> (any EventSource)? {
        guard id.place < places.count, places[id.place]?.id == id else { return nil }
        return places[id.place]?.source
    }

    mutating func change(_ id: RegistrationID, to interest: Epoll.Interest) {
        if self[id] != nil { places[id.place]?.interest = interest }
    }

    mutating func remove(_ id: RegistrationID) -> Registration? {
        guard let registration = self[id] else { return nil }
        places[id.place] = nil
        free.append(id.place)
        return registration
    }
}
