internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What crosses to the program that takes over: one list of fields serves both directions. A field that comes later is
/// coded `since` the version of its own.
protocol Saved {
    /// A value to read into.
    init()
    mutating func code(with coder: inout FieldCoder)
}

extension FieldCoder {
    mutating func value(_ value: inout some Saved) {
        value.code(with: &self)
    }

    mutating func array<Element: Saved>(_ value: inout [Element]) {
        list(&value, blank: Element()) { $0.code(with: &$1) }
    }

    mutating func optional<Wrapped: Saved>(_ value: inout Wrapped?) {
        maybe(&value, blank: Wrapped()) { $0.code(with: &$1) }
    }
}

extension Int: Saved {
    mutating func code(with coder: inout FieldCoder) { coder.integer(&self) }
}

extension Int32: Saved {
    mutating func code(with coder: inout FieldCoder) { coder.integer(&self) }
}

extension UInt64: Saved {
    mutating func code(with coder: inout FieldCoder) { coder.integer(&self) }
}

extension String: Saved {
    mutating func code(with coder: inout FieldCoder) { coder.text(&self) }
}

extension Duration: Saved {
    init() { self = .zero }
    mutating func code(with coder: inout FieldCoder) { coder.duration(&self) }
}

extension SocketAddress: Saved {
    init() { self = .unix(path: "") }
    mutating func code(with coder: inout FieldCoder) { coder.address(&self) }
}

extension Timestamp: Saved {
    init() { self.init(seconds: 0) }
    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&seconds)
        coder.integer(&nanoseconds)
    }
}

extension ExitStatus: Saved {
    init() { self = .exited(0) }
    mutating func code(with coder: inout FieldCoder) {
        var signal: Int32?
        var status: Int32 = 0
        var dumped = false
        switch self {
        case .exited(let number): status = number
        case .signaled(let number, let coreDumped): (signal, dumped) = (number, coreDumped)
        }
        coder.integer(&status)
        coder.optional(&signal)
        coder.flag(&dumped)
        self = signal.map { .signaled($0, coreDumped: dumped) } ?? .exited(status)
    }
}

/// Bytes, as an element of a list.
struct SavedBytes: Saved {
    var bytes: [UInt8] = []

    mutating func code(with coder: inout FieldCoder) { coder.data(&bytes) }
}

/// The number of an open descriptor, which stays what it was; its owner keeps it until the program is another, and in
/// that one `adopt` gives it the next. Nobody may be without one where `adopt` is called.
struct SavedDescriptor: Saved {
    private(set) var number: Int32 = -1

    init() {}

    init(_ descriptor: FileDescriptor) {
        number = descriptor.rawValue
    }

    mutating func code(with coder: inout FieldCoder) { coder.descriptor(&number) }

    /// To be called once.
    func adopt() -> OwnedDescriptor { OwnedDescriptor(adopting: number) }

    func adoptBox() -> DescriptorBox { DescriptorBox(adopt()) }
}

extension DescriptorBox {
    /// Nil when it has been taken out.
    var saved: SavedDescriptor? { borrowed.map { SavedDescriptor($0) } }
}
