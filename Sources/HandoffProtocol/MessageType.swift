/// The messages of version 1: 1 to 9 go to the supervisor, 16 to 21 to the handler.
package enum MessageType: UInt16, Hashable, Sendable, CaseIterable {
    case register = 1
    case acknowledge = 2
    case done = 3
    case pong = 4
    case pass = 5
    case capacity = 6
    case handlerDrain = 7
    case status = 8
    case negative = 9
    case welcome = 16
    case baton = 17
    case ping = 18
    case supervisorDrain = 19
    case reject = 20
    case passed = 21

    /// How many descriptors travel with a message of a type.
    package enum Descriptors: Hashable, Sendable {
        case none
        case exactlyOne
        /// REGISTER: one when it brings a datagram channel.
        case optional
    }

    /// What must come with the message; a descriptor too many is a protocol error.
    package var carriesDescriptor: Descriptors {
        switch self {
        case .baton, .pass: .exactlyOne
        case .register: .optional
        default: .none
        }
    }

    /// Checks the number of descriptors that came with a message of this type, those that the kernel dropped included.
    package func check(descriptors count: Int) throws(ProtocolError) {
        if count == 0, carriesDescriptor == .exactlyOne { throw .missingDescriptor(self) }
        if count > (carriesDescriptor == .none ? 0 : 1) { throw .surplusDescriptor(self) }
    }

    /// The flags that may be set.
    var knownFlags: UInt16 {
        switch self {
        case .baton, .passed: 1
        default: 0
        }
    }

    /// Whether the header's id has a meaning; else it must be 0.
    var hasID: Bool {
        switch self {
        case .acknowledge, .pong, .pass, .negative, .baton, .ping, .passed: true
        default: false
        }
    }
}

extension MessageType: CustomStringConvertible {
    /// The name in the contract.
    package var description: String {
        switch self {
        case .register: "REGISTER"
        case .acknowledge: "ACK"
        case .done: "DONE"
        case .pong: "PONG"
        case .pass: "PASS"
        case .capacity: "CAPACITY"
        case .handlerDrain, .supervisorDrain: "DRAIN"
        case .status: "STATUS"
        case .negative: "NACK"
        case .welcome: "WELCOME"
        case .baton: "BATON"
        case .ping: "PING"
        case .reject: "REJECT"
        case .passed: "PASSED"
        }
    }
}
