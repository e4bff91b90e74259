internal import SystemPackage

/// What the launcher answers to a job.
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

    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.bytes)
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
        return bytes
    }

    /// Reads the message that fills `bytes` up to `count`; nil when it is no reply.
    package init?(decoding bytes: [UInt8], count: Int) {
        var reader = SpawnWordReader(bytes, from: 0, to: count)
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
