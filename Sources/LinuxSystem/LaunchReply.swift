internal import SystemPackage

/// What the launcher answers to a job; a message holds one or more.
///
///     number (low word, high word), stage, errno, pid
package struct LaunchReply: Hashable, Sendable {
    /// The job's.
    package var number: UInt64
    /// For a close, `running` is the child that closes.
    package var outcome: SpawnOutcome

    package init(number: UInt64, outcome: SpawnOutcome) {
        self.number = number
        self.outcome = outcome
    }

    /// The length of every reply.
    package static let bytes = 20

    /// Replies that stand in one message, at least one.
    package static func encode(_ replies: [LaunchReply]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(replies.count * Self.bytes)
        for reply in replies { reply.append(to: &bytes) }
        return bytes
    }

    private func append(to bytes: inout [UInt8]) {
        bytes.append(long: number)
        switch outcome {
        case .running(let pid):
            bytes.append(word: SpawnStage.exec.rawValue)
            bytes.append(word: 0)
            bytes.append(word: UInt32(bitPattern: pid))
        case .failed(let pid, let stage, let error):
            bytes.append(word: stage.rawValue)
            bytes.append(word: UInt32(bitPattern: error.rawValue))
            bytes.append(word: UInt32(bitPattern: pid ?? 0))
        }
    }

    /// Reads the message that fills `bytes` up to `count`; nil when that is anything but replies.
    package static func decode(_ bytes: [UInt8], count: Int) -> [LaunchReply]? {
        guard count > 0, count <= bytes.count, count.isMultiple(of: Self.bytes) else { return nil }
        var replies: [LaunchReply] = []
        for start in stride(from: 0, to: count, by: Self.bytes) {
            guard let reply = LaunchReply(decoding: bytes, from: start) else { return nil }
            replies.append(reply)
        }
        return replies
    }

    private init?(decoding bytes: [UInt8], from start: Int) {
        var reader = SpawnWordReader(bytes, from: start, to: start + Self.bytes)
        guard let number = reader.long(), let stageNumber = reader.word(), let errorWord = reader.word(),
            let pidWord = reader.word(), reader.isAtEnd, let stage = SpawnStage(rawValue: stageNumber)
        else { return nil }
        self.number = number
        let pid = Int32(bitPattern: pidWord)
        guard pid >= 0 else { return nil }
        if errorWord != 0 {
            let error = Errno(rawValue: Int32(bitPattern: errorWord))
            outcome = .failed(pid: pid == 0 ? nil : pid, stage: stage, error: error)
        } else {
            guard pid > 0 else { return nil }
            outcome = .running(pid: pid)
        }
    }
}
