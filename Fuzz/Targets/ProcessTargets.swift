import SystemPackage

@testable import LinuxSystem
@testable import Supervisor

/// What comes from processes beside the supervisor, and from the program before it.
extension FuzzTarget {
    /// A message to NOTIFY_SOCKET.
    static let notify = FuzzTarget("notify", longest: 4200) { bytes throws(Finding) in
        guard let found = NotifyMessage.parse(bytes[...]) else { return }
        try hold(bytes.count <= NotifyMessage.longest, "a message of \(bytes.count) bytes")
        try hold(found.count <= bytes.count { [0x0a, 0x0d].contains($0) } + 1, "more than there are lines")
        for case .status(let text) in found {
            try hold(!text.utf8.contains(0x0a) && text.utf8.count <= 1024, "a status of \(text.utf8.count) bytes")
        }
        for case .heartbeat(let time) in found {
            try hold(time > .zero && time <= .seconds(49 * 86_400), "a heartbeat of \(time)")
        }
    }

    /// A question to a resolver, and what it answers.
    static let names = FuzzTarget("names", longest: 1024) { bytes throws(Finding) in
        if let question = NameQuestion(decoding: bytes) {
            let again = NameQuestion(decoding: question.encoded)
            try hold(again?.encoded == question.encoded, "another question than \(question)")
        }
        let answer = NameAnswer(decoding: bytes)
        let encoded = answer.encoded
        try hold(NameAnswer(decoding: encoded) == answer, "another answer than \(answer)")
        try hold(!encoded.isEmpty && encoded.count <= NameAnswer.most, "an answer of \(encoded.count) bytes")
        try hold(answer.addresses.count <= answer.lines.count, "more addresses than lines")
    }

    /// The state that crosses an upgrade.
    static let state = FuzzTarget("state", longest: 8192) { bytes throws(Finding) in
        guard let file = try? StateFile(reading: bytes) else { return }
        try hold(file.bytes == bytes, "other bytes around the same state")
        guard let state = try? file.state() else { return }
        let written = StateFile(state, formerProgram: FileDescriptor(rawValue: 3))
        guard let again = try? written.state() else { throw Finding(description: "what it writes cannot be read") }
        let rewritten = StateFile(again, formerProgram: FileDescriptor(rawValue: 3))
        try hold(rewritten.bytes == written.bytes, "another state after a round trip")
    }

    /// A job for a launcher, and its answers.
    static let launch = FuzzTarget("launch", longest: 2048) { bytes throws(Finding) in
        if let replies = LaunchReply.decode(bytes, count: bytes.count) {
            let encoded = LaunchReply.encode(replies)
            try hold(LaunchReply.decode(encoded, count: encoded.count) == replies, "other replies than \(replies)")
        }
        guard let job = LaunchJob.decode(bytes, count: bytes.count), case .spawn(let image, _) = job.task else {
            return
        }
        // Each string that execve(2) is given ends before the bytes do.
        for start in image.strings {
            try hold(bytes[Int(start)...].contains(0), "a string without an end at \(start)")
        }
    }
}
