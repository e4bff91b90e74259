internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The bytes of a state as they lie in memory between two programs.
///
/// First come the program to go back to and the descriptors that are to stay open, in a form that never changes: even
/// who cannot read the rest can give all of it back.
struct StateFile {
    /// The number of the descriptor of the program that wrote it.
    private(set) var formerProgram: Int32 = -1
    /// All that the state names.
    private(set) var descriptors: [Int32] = []
    private var body: [UInt8] = []

    /// A state of 50,000 connections has some 10 MB.
    static let most = 1 << 30

    /// Why bytes are no state that this program knows.
    struct Unreadable: Error {
        let why: String
    }

    init(_ state: some Saved, formerProgram: FileDescriptor) {
        self.formerProgram = formerProgram.rawValue
        var coder = FieldCoder(version: SupervisorState.version)
        coder.version(known: SupervisorState.oldestVersion...SupervisorState.version)
        var state = state
        state.code(with: &coder)
        body = coder.bytes
        descriptors = coder.descriptors
    }

    init(reading bytes: [UInt8]) throws(Unreadable) {
        var coder = FieldCoder(reading: bytes)
        code(with: &coder)
        coder.expectEnd()
        if let failure = coder.failure { throw Unreadable(why: "the state cannot be read: \(failure)") }
    }

    var bytes: [UInt8] {
        var coder = FieldCoder()
        var copy = self
        copy.code(with: &coder)
        return coder.bytes
    }

    /// Reads the state; nothing is adopted by that.
    func state() throws(Unreadable) -> SupervisorState { try read() }

    /// The same of whatever kind it is.
    func read<State: Saved>() throws(Unreadable) -> State {
        var coder = FieldCoder(reading: body)
        coder.version(known: SupervisorState.oldestVersion...SupervisorState.version)
        var state = State()
        state.code(with: &coder)
        coder.expectEnd()
        if let failure = coder.failure { throw Unreadable(why: "the state cannot be read: \(failure)") }
        return state
    }

    private mutating func code(with coder: inout FieldCoder) {
        coder.magic("baton state\n")
        coder.integer(&formerProgram)
        coder.array(&descriptors)
        coder.data(&body)
    }
}
