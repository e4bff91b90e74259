/// What a TLS client says of itself first, as far as routing asks (RFC 8446, section 4.1.2).
struct ClientHello: Equatable {
    /// The host that it wants, in lower case (RFC 6066, section 3); nil where it names none.
    var serverName: [UInt8]?
    /// The protocols that it speaks inside, by its preference (ALPN, RFC 7301).
    var protocols: [[UInt8]] = []
}

extension ClientHello {
    private static let handshakeRecord: UInt8 = 22
    private static let clientHello: UInt8 = 1
    private static let recordHeader = 5
    /// RFC 8446, section 5.1: 2^14 bytes; what is longer is no record of a handshake in the clear.
    private static let longestRecord = 1 << 14
    private static let serverNameExtension = 0
    private static let protocolsExtension = 16

    /// Reads the records at the beginning of `bytes`.
    static func read(_ bytes: [UInt8]) -> Sight<ClientHello> {
        var message: [UInt8] = []
        var position = 0
        // A hello may be cut into any number of records.
        while true {
            let header = bytes[position...].prefix(recordHeader)
            guard isHandshake(header) else { return .other }
            guard header.count == recordHeader else { return .more(atLeast: position + recordHeader) }
            let length = Int(header[position + 3]) << 8 | Int(header[position + 4])
            guard (1...longestRecord).contains(length) else { return .other }
            let body = position + recordHeader
            message += bytes[body...].prefix(length)
            guard message.first == nil || message.first == clientHello else { return .other }
            switch read(message: message) {
            case .more(let wanted):
                // Bytes of the message that are still to come stand in this record, or behind the next header.
                let missing = wanted - message.count
                guard bytes.count >= body + length else {
                    return .more(atLeast: min(max(bytes.count, body) + missing, body + length))
                }
                position = body + length
            case let decided: return decided
            }
        }
    }

    /// A handshake record of SSL 3.0 or later, as far as its header is there.
    private static func isHandshake(_ header: ArraySlice<UInt8>) -> Bool {
        zip(header, [handshakeRecord, 3]).allSatisfy { $0 == $1 }
    }

    private static func read(message: [UInt8]) -> Sight<ClientHello> {
        var outer = ByteReader(message[...])
        do {
            _ = try outer.take(1)
            let body = try outer.block(3)
            // From here on a block that ends too early will not grow.
            return (try? hello(body)).map { .found($0) } ?? .other
        } catch {
            return .more(atLeast: error.wanted)
        }
    }

    private static func hello(_ body: ArraySlice<UInt8>) throws(ByteReader.Short) -> ClientHello {
        var reader = ByteReader(body)
        let (version, random) = (2, 32)
        _ = try reader.take(version + random)
        _ = try reader.block(1)  // session id
        _ = try reader.block(2)  // cipher suites
        _ = try reader.block(1)  // compression methods
        var hello = ClientHello()
        guard !reader.isAtEnd else { return hello }
        var extensions = ByteReader(try reader.block(2))
        while !extensions.isAtEnd {
            let type = try extensions.number(2)
            let content = try extensions.block(2)
            switch type {
            case serverNameExtension: hello.serverName = try serverName(content)
            case protocolsExtension: hello.protocols = try protocols(content)
            default: break
            }
        }
        return hello
    }

    private static func serverName(_ content: ArraySlice<UInt8>) throws(ByteReader.Short) -> [UInt8]? {
        var outer = ByteReader(content)
        var names = ByteReader(try outer.block(2))
        while !names.isAtEnd {
            let isHostName = try names.number(1) == 0
            let name = try names.block(2)
            if isHostName { return name.lowercasedASCII }
        }
        return nil
    }

    private static func protocols(_ content: ArraySlice<UInt8>) throws(ByteReader.Short) -> [[UInt8]] {
        var outer = ByteReader(content)
        var list = ByteReader(try outer.block(2))
        var protocols: [[UInt8]] = []
        while !list.isAtEnd { protocols.append(Array(try list.block(1))) }
        return protocols
    }
}
