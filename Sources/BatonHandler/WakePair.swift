internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// A byte through it wakes a thread that waits for descriptors.
final class WakePair: Sendable {
    private let pair: Mutex<SocketPair>
    /// Readable from `send` until `clear`.
    let descriptor: FileDescriptor

    init() throws(HandlerError) {
        do throws(Errno) {
            let pair = try Socket.pair(.stream, nonblocking: true)
            descriptor = pair.theirs.borrowed
            self.pair = Mutex(pair)
        } catch {
            throw HandlerError("socketpair", error)
        }
    }

    func send() {
        // When it is full, it wakes all the same.
        pair.withLock { _ = try? DescriptorPassing.send([0], on: $0.ours.borrowed) }
    }

    func clear() {
        var bytes = [UInt8](repeating: 0, count: 256)
        _ = try? DescriptorPassing.receive(into: &bytes, room: 0, on: descriptor)
    }
}
