internal import LinuxSystem
internal import SystemPackage

/// The mode of `batond` that looks names up: NSS blocks, so it stands in a process of its own, which is killed when it
/// takes too long.
package enum NameWorker {
    /// Answers questions, one after the other, until the channel ends.
    ///
    /// - Parameter channel: The number of a seqpacket socket, in blocking mode.
    /// - Returns: The exit status.
    package static func run(channel: Int32) -> Int32 {
        let channel = FileDescriptor(rawValue: channel)
        var buffer = [UInt8](repeating: 0, count: NameAnswer.most)
        do {
            while true {
                let received = try DescriptorPassing.receive(into: &buffer, room: 0, on: channel, blocking: true)
                guard received.count > 0 else { return 0 }
                let question = NameQuestion(decoding: buffer[..<received.count])
                let answer = NameAnswer(question.map(answer) ?? [])
                try DescriptorPassing.send(answer.encoded, on: channel, blocking: true)
            }
        } catch {
            return 1
        }
    }

    private static func answer(_ question: NameQuestion) -> [String] {
        switch question {
        case .addresses(let host):
            NameService.addresses(of: host, family: nil).addresses.compactMap(\.host)
        case .name(let address):
            NameService.confirmedName(of: address).map { [$0] } ?? []
        }
    }
}
