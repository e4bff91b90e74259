/// What the first bytes of a stream have been seen to be.
enum Sight<Value: Equatable>: Equatable {
    case found(Value)
    /// It is something else, whatever follows.
    case other
    /// Not before there are so many bytes in all.
    case more(atLeast: Int)

    func map<Other>(_ transform: (Value) -> Other) -> Sight<Other> {
        switch self {
        case .found(let value): .found(transform(value))
        case .other: .other
        case .more(let least): .more(atLeast: least)
        }
    }
}

extension Sight where Value == Bool {
    /// A sign that always stands at the beginning of what it stands for.
    static func beginning(_ bytes: [UInt8], with sign: [UInt8]) -> Sight {
        guard zip(bytes, sign).allSatisfy({ $0 == $1 }) else { return .other }
        return bytes.count >= sign.count ? .found(true) : .more(atLeast: sign.count)
    }
}
