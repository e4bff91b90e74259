internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Answers datagrams inside: one for one, where the policy lets it.
final class InternalDatagramDispatch {
    var service: InternalService
    private let record: ServiceRecord
    private let runtime: Runtime
    private let limits: InternalLimits
    private var policy: AnswerPolicy
    /// The line of the pattern with which chargen's next answer begins.
    var characterLine = 0

    /// Echo takes any UDP datagram; of others only the length matters.
    private static let longest = 65_535

    init(_ service: InternalService, record: ServiceRecord, runtime: Runtime, limits: InternalLimits = .standard) {
        self.service = service
        self.record = record
        self.runtime = runtime
        self.limits = limits
        policy = AnswerPolicy(limits: limits, at: runtime.loop.now)
    }

    /// Takes some of the datagrams that wait at `listener`.
    ///
    /// - Parameter drop: Why a datagram from there is not wanted; nil when it is.
    func serve(_ listener: Listener, drop: (SocketAddress?) -> DropReason? = { _ in nil }) {
        guard let socket = listener.descriptor else { return }
        for _ in 0..<limits.datagrams {
            do {
                let datagram = try Datagrams.receive(from: socket, most: service == .echo ? Self.longest : 0)
                runtime.closeForeign(datagram.descriptors)
                if let reason = drop(datagram.source) {
                    record.drop(reason, at: runtime.loop.now)
                } else {
                    consider(datagram, on: socket)
                }
            } catch .wouldBlock {
                return
            } catch {
                // An error that an earlier answer met (ip(7)); reading it has cleared it.
            }
        }
    }

    private func consider(_ datagram: Datagrams.Received, on socket: FileDescriptor) {
        guard service != .discard else { return }
        switch policy.verdict(on: datagram.source, internalPorts: runtime.internalPorts, at: runtime.loop.now) {
        case .answer:
            guard let source = datagram.source, let answer = answer(to: datagram) else { return }
            // What cannot be sent now is lost, as datagrams are.
            try? Datagrams.send(answer, to: source, on: socket)
        case .ignore:
            break
        case .drop(let reason):
            record.drop(reason, at: runtime.loop.now)
        }
    }

    private func answer(to datagram: Datagrams.Received) -> [UInt8]? {
        switch service {
        case .discard: return nil
        case .echo:
            // A Unix-domain datagram may be longer than any of UDP, and is not echoed in part.
            return datagram.bytes.count == datagram.length ? datagram.bytes : nil
        case .daytime: return InternalContent.daytime(.now)
        case .time: return InternalContent.time(.now)
        case .qotd: return InternalContent.quote(.now)
        case .chargen:
            // RFC 864 leaves the length free. More than was asked with would serve whoever forges sources.
            defer { characterLine = (characterLine + 1) % InternalContent.characterLines }
            let count = min(datagram.length, InternalContent.longestCharacters)
            return InternalContent.characters(count, fromLine: characterLine)
        }
    }
}
