internal import HandoffProtocol

extension ConformanceCheck {
    /// What a baton can bring with it, and how many can come.
    static let batons: [ConformanceCheck] = [
        ConformanceCheck(
            "ack-burst", "64 batons that come at once are all acknowledged, whatever their clients do",
            section: "What you must do, 1", after: "ack"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.requireOwnThread()
                for _ in 0..<trial.record.room { _ = try trial.baton() }
                for client in trial.clients { try trial.awaitACK(client) }
            }
        },
        ConformanceCheck(
            "capacity", "it holds as many connections at once as REGISTER and CAPACITY say",
            section: "What you send", after: "answer", "ack-burst"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.requireOwnThread()
                guard trial.record.capacity > 0 else { throw .inapplicable("it states no capacity") }
                for _ in 0..<trial.record.room { _ = try trial.baton() }
                for client in trial.clients { try trial.awaitACK(client) }
                // The last is served while the others say nothing.
                for client in trial.clients.reversed() { try trial.complete(client) }
            }
        },
        ConformanceCheck(
            "drained", "the drained bytes are the beginning of the stream; what is in the socket comes after",
            section: "What you get", after: "answer"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let request = stage.subject.exchange.request
                let filler = [UInt8](repeating: UInt8(ascii: "x"), count: ProtocolLimits.drained - request.count)
                for split in Set([request.count, request.count / 2]) {
                    let client = try trial.baton(Trial.BatonContent(drained: Array(request.prefix(split))))
                    try client.send(Array(request.dropFirst(split)))
                    try trial.awaitDrained(client)
                }
                try trial.awaitDrained(try trial.baton(Trial.BatonContent(drained: request + filler)))
            }
        },
        ConformanceCheck(
            "proxy-header", "a PROXY v2 header of any family, with or without more after the addresses, is taken",
            section: "What you get", after: "answer"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                for header in ProxyHeader.samples {
                    try trial.complete(try trial.baton(Trial.BatonContent(proxyHeader: header)))
                }
            }
        },
        ConformanceCheck(
            "long-name", "a listener's name of 255 bytes, not all of them ASCII, is taken",
            section: "What you get", after: "answer"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                let name = "x" + String(repeating: "ü", count: ProtocolLimits.name / 2)
                try trial.complete(try trial.baton(Trial.BatonContent(listener: name)))
                try trial.complete(try trial.baton(Trial.BatonContent(listener: "")))
            }
        },
        ConformanceCheck(
            "sent-before", "a baton with flag 1, which was sent to another handler first, is taken",
            section: "What you get", after: "answer"
        ) { stage throws(Finding) in
            try stage.run { trial throws(Finding) in
                try trial.complete(try trial.baton(Trial.BatonContent(wasSentBefore: true)))
            }
        },
    ]
}

extension Trial {
    /// As `complete`, for a client whose request is on its way already.
    fileprivate func awaitDrained(_ client: TrialClient) throws(Finding) {
        try awaitACK(client)
        do throws(Finding) {
            try awaitAnswer(client)
        } catch {
            throw .fault("the request came as drained bytes, and \(error.text)")
        }
        client.close()
        try awaitDone(client)
    }
}

extension ProxyHeader {
    /// One of each family, and one as long as a BATON takes.
    fileprivate static let samples: [[UInt8]] = {
        let tcp4 = ProxyHeader.tcp4(
            source: Address4(bits: 0xc000_0201, port: 258), destination: Address4(bits: 0x0a00_0001, port: 80))
        let tcp6 = ProxyHeader.tcp6(
            source: Address6(high: 0x2001_0db8_0000_0000, low: 1, port: 258),
            destination: Address6(high: 0x2001_0db8_0000_0000, low: 2, port: 80))
        let unix = ProxyHeader.unix(source: [], destination: Array("/run/test.sock".utf8))
        return [tcp4, tcp6, unix, .local].map(\.encoded) + [tcp4.encodedLongest]
    }()

    /// With a TLV (proxy-protocol.txt, 2.2.4) that fills the header up to the limit.
    private var encodedLongest: [UInt8] {
        var bytes = encoded
        let value = ProtocolLimits.proxyHeader - bytes.count - 3
        let noOperation: UInt8 = 0x04
        bytes += [noOperation, UInt8(value >> 8), UInt8(value & 0xff)] + [UInt8](repeating: 0, count: value)
        let rest = bytes.count - Self.prefixSize
        bytes[14] = UInt8(rest >> 8)
        bytes[15] = UInt8(rest & 0xff)
        return bytes
    }
}
