internal import CLinux

// Entries as they lie in memory, and back.

extension RosterOrigin {
    private static let isTouched: UInt8 = 1
    private static let isInstance: UInt8 = 2

    var native: baton_roster_origin {
        var native = baton_roster_origin()
        native.number = number
        native.accepted = unsafe unsafeBitCast(accepted, to: (Int64, Int64).self)
        native.listener = listener.hash
        native.cookie = socket
        native.transport = transport
        native.flags = (isTouched ? Self.isTouched : 0) | (isInstance ? Self.isInstance : 0)
        native.passes = passes
        native.deliveries = deliveries
        switch source {
        case nil: break
        case .uncounted: native.source_kind = 1
        case .block(let length): (native.source_kind, native.source_length) = (2, length)
        case .user(let uid): (native.source_kind, native.source) = (3, uid)
        case .machine(let cid): (native.source_kind, native.source) = (4, cid)
        case .nobody: native.source_kind = 5
        }
        native.peer = peer.inRoster
        if let statedLocal { native.stated_local = statedLocal.inRoster }
        return native
    }

    init(_ native: baton_roster_origin) {
        self.init()
        number = native.number
        accepted = unsafe unsafeBitCast(native.accepted, to: Duration.self)
        listener = RosterName(hash: native.listener)
        socket = native.cookie
        transport = native.transport
        isTouched = native.flags & Self.isTouched != 0
        isInstance = native.flags & Self.isInstance != 0
        passes = native.passes
        deliveries = native.deliveries
        source =
            switch native.source_kind {
            case 1: .uncounted
            case 2: .block(length: native.source_length)
            case 3: .user(native.source)
            case 4: .machine(native.source)
            case 5: .nobody
            default: nil
            }
        peer = SocketAddress(inRoster: native.peer) ?? .unix(path: "")
        statedLocal = SocketAddress(inRoster: native.stated_local)
    }
}

extension SocketAddress {
    fileprivate var inRoster: baton_roster_address {
        var native = baton_roster_address()
        switch self {
        case .ipv4(let address, let port):
            native.kind = 1
            native.port = port
            native.scope = address.bits
        case .ipv6(let address, let port, let scope):
            native.kind = 2
            native.port = port
            native.scope = scope
            unsafe withUnsafeMutableBytes(of: &native.bytes) { bytes in
                unsafe bytes.storeBytes(of: address.high, as: UInt64.self)
                unsafe bytes.storeBytes(of: address.low, toByteOffset: 8, as: UInt64.self)
            }
        case .unix(let name):
            native.kind = 3
            native.setName(name)
        case .abstract(let name):
            native.kind = 4
            native.setName(name)
        case .vsock(let cid, let port):
            native.kind = 5
            native.scope = port
            unsafe withUnsafeMutableBytes(of: &native.bytes) { unsafe $0.storeBytes(of: cid, as: UInt32.self) }
        }
        return native
    }

    fileprivate init?(inRoster native: baton_roster_address) {
        switch native.kind {
        case 1: self = .ipv4(IPv4Address(bits: native.scope), port: native.port)
        case 2:
            let (high, low) = unsafe withUnsafeBytes(of: native.bytes) { bytes in
                unsafe (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            }
            self = .ipv6(IPv6Address(high: high, low: low), port: native.port, scope: native.scope)
        case 3: self = .unix(path: native.name)
        case 4: self = .abstract(name: native.name)
        case 5:
            let cid = unsafe withUnsafeBytes(of: native.bytes) { unsafe $0.loadUnaligned(as: UInt32.self) }
            self = .vsock(cid: cid, port: native.scope)
        default: return nil
        }
    }
}

extension baton_roster_address {
    fileprivate mutating func setName(_ name: String) {
        guard !name.isEmpty else { return }
        length = unsafe withUnsafeMutableBytes(of: &bytes) { bytes in
            var length: UInt8 = 0
            for byte in name.utf8.prefix(bytes.count) {
                unsafe bytes[Int(length)] = byte
                length += 1
            }
            return length
        }
    }

    fileprivate var name: String {
        unsafe withUnsafeBytes(of: bytes) {
            unsafe String(decoding: $0.prefix(Int(length)).prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

extension RosterConnection {
    var native: baton_roster_connection {
        baton_roster_connection(
            kind: BATON_ROSTER_CONNECTION.rawValue, is_passed: isPassed ? 1 : 0, handler: handler, id: id,
            origin: origin.native)
    }

    init(_ native: baton_roster_connection) {
        self.init(handler: native.handler, id: native.id, origin: RosterOrigin(native.origin))
        isPassed = native.is_passed != 0
    }
}

extension RosterProcess {
    var native: baton_roster_process {
        baton_roster_process(
            kind: (isWait ? BATON_ROSTER_WAIT_PROCESS : BATON_ROSTER_PROCESS).rawValue, pid: pid,
            service: service.hash, began: began.wholeNanoseconds, origin: origin.native)
    }

    init(_ native: baton_roster_process) {
        self.init()
        pid = native.pid
        service = RosterName(hash: native.service)
        began = .nanoseconds(native.began)
        isWait = native.kind == BATON_ROSTER_WAIT_PROCESS.rawValue
        origin = RosterOrigin(native.origin)
    }
}

extension RosterHandler {
    var native: baton_roster_handler {
        var native = baton_roster_handler()
        native.kind = BATON_ROSTER_HANDLER.rawValue
        native.pid = pid
        native.number = number
        native.service = service.hash
        native.began = began.wholeNanoseconds
        native.sent = sent
        native.acknowledged = acknowledged
        native.slot = slot
        native.capacity = capacity
        native.traits = traits
        native.is_supervised = isSupervised ? 1 : 0
        native.life = life.native
        native.is_read = isUnsure ? 1 : 0
        return native
    }

    init(_ native: baton_roster_handler) {
        self.init()
        pid = native.pid
        number = native.number
        service = RosterName(hash: native.service)
        began = .nanoseconds(native.began)
        sent = native.sent
        acknowledged = native.acknowledged
        slot = native.slot
        capacity = native.capacity
        traits = native.traits
        isSupervised = native.is_supervised != 0
        life = Life(native: native.life)
        isUnsure = native.is_read != 0 || native.is_sent_to != 0
    }
}

extension RosterHandler.Life {
    var native: UInt16 { UInt16(state) | UInt16(flags) << 8 }

    fileprivate init(native: UInt16) {
        self.init(state: UInt8(truncatingIfNeeded: native), flags: UInt8(native >> 8))
    }
}

extension RosterLog {
    var native: baton_roster_log {
        var native = baton_roster_log()
        native.kind = BATON_ROSTER_LOG.rawValue
        native.number = number
        native.service = service.hash
        return native
    }

    init(_ native: baton_roster_log) {
        self.init()
        number = native.number
        service = RosterName(hash: native.service)
    }
}

extension Duration {
    /// The monotonic clock does not reach the end of them.
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }
}
