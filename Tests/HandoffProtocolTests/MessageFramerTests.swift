import Testing

@testable import HandoffProtocol

/// Messages and descriptors on a stream, as unix(7) delivers them. Descriptors are numbers here.
@Suite struct MessageFramerTests {
    private typealias Framer = MessageFramer<Int>

    /// What one sendmsg has put into the stream: its descriptor comes with the first read that touches it, and that
    /// read goes no further than its end.
    private struct Piece {
        var bytes: [UInt8]
        var descriptor: Int?
    }

    private static let status = HandlerMessage.status("all is well")
    private static let acknowledge = HandlerMessage.acknowledge(upTo: 7)

    private static func pass(_ number: Int, drained: Int = 0) -> HandlerMessage {
        .pass(
            .init(
                id: UInt64(number), service: "next",
                drained: .init(repeating: UInt8(truncatingIfNeeded: number), count: drained)))
    }

    /// All frames of a stream that is received in one call.
    private func frames(_ messages: [HandlerMessage], _ carried: CarriedDescriptor<Int>) throws -> [Framer.Frame] {
        var framer = Framer()
        framer.append(try messages.flatMap { try MessageCoder.encode($0) }[...], carried)
        var found: [Framer.Frame] = []
        while let frame = try framer.next() { found.append(frame) }
        return found
    }

    @Test("each PASS gets its own descriptor, however the stream is cut", arguments: 0..<300)
    func everyCut(_ seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var pieces: [Piece] = []
        var expected: [Int?] = []
        for number in 0..<Int.random(in: 1...12, using: &random) {
            // A sender may put several messages into one call; one of them may be a PASS.
            var piece = Piece(bytes: [], descriptor: nil)
            let place = Int.random(in: 0...3, using: &random)
            for index in 0...Int.random(in: 0...3, using: &random) {
                if index == place {
                    let drained = Int.random(in: 0...3000, using: &random)
                    piece.bytes += try MessageCoder.encode(Self.pass(number + 1, drained: drained))
                    piece.descriptor = number + 1
                    expected.append(number + 1)
                } else {
                    piece.bytes += try MessageCoder.encode(index == 1 ? Self.status : Self.acknowledge)
                    expected.append(nil)
                }
            }
            pieces.append(piece)
        }
        #expect(try receive(pieces, &random) == expected)
    }

    /// Reads as the kernel lets it be read, in calls of any size; the number of each PASS, checked against its
    /// descriptor, and nil for the others.
    private func receive(_ pieces: [Piece], _ random: inout SplitMix) throws -> [Int?] {
        var framer = Framer()
        var found: [Int?] = []
        var pieces = pieces
        while !pieces.isEmpty {
            var room = Int.random(in: 1...5000, using: &random)
            var bytes: [UInt8] = []
            var descriptor: Int?
            while room > 0, descriptor == nil, !pieces.isEmpty {
                let taken = pieces[0].bytes.prefix(room)
                descriptor = pieces[0].descriptor
                pieces[0].descriptor = nil
                pieces[0].bytes.removeFirst(taken.count)
                if pieces[0].bytes.isEmpty { pieces.removeFirst() }
                room -= taken.count
                bytes += taken
            }
            framer.append(bytes[...], descriptor.map { .one($0) } ?? .none, filled: room == 0)
            while let frame = try framer.next() {
                guard case .pass(let pass) = try MessageCoder.decodeHandlerMessage(frame.bytes.span) else {
                    #expect(frame.carried.isNone)
                    found.append(nil)
                    continue
                }
                guard case .one(let number) = frame.carried else {
                    Issue.record("PASS \(pass.id) has no descriptor")
                    continue
                }
                #expect(UInt64(number) == pass.id)
                found.append(number)
            }
        }
        #expect(framer.takeRest().isEmpty)
        return found
    }

    @Test("a dropped descriptor is that of the PASS that begins in the call")
    func dropped() throws {
        let found = try frames([Self.acknowledge, Self.pass(1), Self.status], .dropped)
        #expect(found.count == 3)
        #expect(found[0].carried.isNone && found[2].carried.isNone)
        guard case .dropped = found[1].carried else {
            Issue.record("\(found[1].carried)")
            return
        }
    }

    @Test("a descriptor for no message is an error at once, and is there to be closed")
    func surplus() throws {
        var framer = Framer()
        framer.append(try MessageCoder.encode(Self.status)[...], .one(3))
        _ = try framer.next()
        #expect(throws: ProtocolError.surplusDescriptor(.status)) { try framer.next() }
        #expect(framer.takeRest() == [3])
    }

    @Test("REGISTER takes a descriptor only as the last message: what follows goes over the channel that it brings")
    func register() throws {
        let register = HandlerMessage.register(.init(service: "app"))
        guard case .one(5) = try frames([register], .one(5))[0].carried else {
            Issue.record("REGISTER has lost its descriptor")
            return
        }
        let found = try frames([register, Self.pass(1)], .one(5))
        #expect(found[0].carried.isNone)
        guard case .one(5) = found[1].carried else {
            Issue.record("PASS has lost its descriptor to REGISTER")
            return
        }
    }

    @Test("bytes that are no messages end the stream and never trap", arguments: 0..<500)
    func noise(_ seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var framer = Framer()
        for _ in 0..<50 {
            let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                // Headers that are nearly right get further.
                Bool.random(using: &random) ? UInt8.random(in: 0...20, using: &random) : 0
            }
            framer.append(bytes[...], Bool.random(using: &random) ? .one(1) : .none)
            do {
                while try framer.next() != nil {}
            } catch {
                return
            }
        }
    }

    @Test("a header is checked before its message is complete: nobody is waited for to send 4 GB")
    func earlyCheck() {
        var framer = Framer()
        let header: [UInt8] = [0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        framer.append(header[...], .none)
        #expect(throws: ProtocolError.lengthOutOfRange(.max)) { try framer.next() }
    }
}

extension CarriedDescriptor {
    fileprivate var isNone: Bool { if case .none = self { true } else { false } }
}
