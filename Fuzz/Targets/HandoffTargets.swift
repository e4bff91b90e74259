@testable import HandoffProtocol

extension FuzzTarget {
    /// One packet, to either side.
    static let handoff = FuzzTarget("handoff", longest: 2048) { bytes throws(Finding) in
        if let message = try? MessageCoder.decodeHandlerMessage(bytes.span) {
            try hold((try? MessageCoder.encode(message)) == bytes, "other bytes for \(message)")
        }
        if let message = try? MessageCoder.decodeSupervisorMessage(bytes.span) {
            // The text beside "taken" has no meaning and is not kept.
            if case .passed(_, .taken) = message { return }
            try hold((try? MessageCoder.encode(message)) == bytes, "other bytes for \(message)")
        }
    }

    /// Messages on a stream, behind a byte that says how it is cut and what comes with it.
    static let framer = FuzzTarget("framer", longest: 2048) { bytes throws(Finding) in
        guard let cut = bytes.first else { return }
        let stream = bytes.dropFirst()
        let whole = Framing(stream, pieces: stream.count + 1, descriptor: nil)
        let cuts = Framing(stream, pieces: Int(cut & 31) + 1, descriptor: nil)
        try hold(whole.frames == cuts.frames && whole.error == cuts.error, "other messages when it comes in pieces")
        try hold(stream.starts(with: whole.frames.joined()), "frames that are not the stream")
        let carrying = Framing(stream, pieces: Int(cut & 31) + 1, descriptor: Int(cut >> 5) + 1)
        let seen = carrying.delivered + carrying.rest
        try hold(seen == Array(0..<carrying.sent), "descriptors \(seen) of \(carrying.sent)")
    }
}

/// A stream as a framer takes it.
private struct Framing {
    private(set) var frames: [[UInt8]] = []
    private(set) var error: ProtocolError?
    /// Descriptors are numbers here, from 0.
    private(set) var sent = 0
    private(set) var delivered: [Int] = []
    private(set) var rest: [Int] = []

    /// - Parameters:
    ///   - pieces: Bytes a call.
    ///   - descriptor: Nil, or every how many calls one comes.
    init(_ stream: ArraySlice<UInt8>, pieces: Int, descriptor: Int?) {
        var framer = MessageFramer<Int>()
        var stream = stream
        var calls = 0
        while !stream.isEmpty, error == nil {
            let piece = stream.prefix(pieces)
            stream = stream.dropFirst(pieces)
            calls += 1
            if let descriptor, calls.isMultiple(of: descriptor) {
                framer.append(piece, .one(sent), filled: piece.count == pieces)
                sent += 1
            } else {
                framer.append(piece, .none)
            }
            take(from: &framer)
            // As another program goes on with it.
            framer = MessageFramer(framer.content)
        }
        rest = framer.takeRest()
    }

    private mutating func take(from framer: inout MessageFramer<Int>) {
        do throws(ProtocolError) {
            while let frame = try framer.next() {
                frames.append(frame.bytes)
                if case .one(let number) = frame.carried { delivered.append(number) }
            }
        } catch {
            self.error = error
        }
    }
}
