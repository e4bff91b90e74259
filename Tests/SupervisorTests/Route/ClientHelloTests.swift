import Testing

@testable import Supervisor

@Suite("The ClientHello of TLS")
struct ClientHelloTests {
    private static func sized(_ bytes: [UInt8], _ size: Int) -> [UInt8] {
        (0..<size).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
    }

    private static func message(_ name: String?, _ protocols: [String]) -> [UInt8] {
        var extensions: [UInt8] = [0x00, 0x17, 0x00, 0x00]
        if let name { extensions += [0, 0] + sized(sized([0] + sized(Array(name.utf8), 2), 2), 2) }
        if !protocols.isEmpty {
            extensions += [0, 16] + sized(sized(protocols.flatMap { sized(Array($0.utf8), 1) }, 2), 2)
        }
        let body =
            [3, 3] + [UInt8](repeating: 7, count: 32) + sized([UInt8](repeating: 1, count: 32), 1)
            + sized([0x13, 0x01], 2) + sized([0], 1) + sized(extensions, 2)
        return [1] + sized(body, 3)
    }

    private static func records(_ message: [UInt8], of size: Int) -> [UInt8] {
        stride(from: 0, to: message.count, by: size).flatMap { start in
            [22, 3, 1] + sized(Array(message[start..<min(start + size, message.count)]), 2)
        }
    }

    @Test("server name and protocols, however the hello is cut into records", arguments: [1, 7, 50, 16384])
    func hello(_ size: Int) {
        let bytes = Self.records(Self.message("WWW.Example.org", ["h2", "http/1.1"]), of: size)
        let hello = ClientHello(
            serverName: Array("www.example.org".utf8), protocols: [Array("h2".utf8), Array("http/1.1".utf8)])
        #expect(ClientHello.read(bytes) == .found(hello))
        #expect(ClientHello.read(bytes + [22, 3, 3, 9]) == .found(hello))
    }

    @Test("every beginning asks for more, never for a byte behind the hello", arguments: [1, 7, 16384])
    func beginnings(_ size: Int) {
        let bytes = Self.records(Self.message("a.example", []), of: size)
        for count in 0..<bytes.count {
            guard case .more(let least) = ClientHello.read(Array(bytes[..<count])) else {
                Issue.record("decided after \(count) of \(bytes.count)")
                continue
            }
            #expect(least > count && least <= bytes.count)
        }
    }

    @Test("a hello without extensions names nobody")
    func old() {
        let body: [UInt8] = [3, 1] + [UInt8](repeating: 0, count: 32) + [0, 0, 2, 0, 5, 1, 0]
        let bytes = Self.records([1] + Self.sized(body, 3), of: 16384)
        #expect(ClientHello.read(bytes) == .found(ClientHello(serverName: nil, protocols: [])))
    }

    @Test("what is no hello is known at once")
    func others() {
        #expect(ClientHello.read(Array("GET /".utf8)) == .other)
        #expect(ClientHello.read([22, 2]) == .other)
        #expect(ClientHello.read([22, 3, 1, 0, 4, 2]) == .other)
        #expect(ClientHello.read([22, 3, 1, 0xff, 0xff]) == .other)
        #expect(ClientHello.read([22, 3, 1, 0, 0]) == .other)
    }

    @Test("a hello whose inner lengths lie is none, and no length is trusted")
    func lies() {
        let message = Self.message("a.example", ["h2"])
        for index in message.indices.dropFirst(4) {
            for value in [UInt8(0), 1, 0x7f, 0xff] {
                var broken = message
                broken[index] = value
                switch ClientHello.read(Self.records(broken, of: 16384)) {
                case .found, .other: break
                case .more(let least): Issue.record("asks for \(least) bytes after a whole message")
                }
            }
        }
    }
}
