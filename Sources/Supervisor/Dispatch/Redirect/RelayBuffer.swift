internal import LinuxSystem
internal import SystemPackage

/// The bytes of one way of a relay between being read and being written: in a borrowed pipe, or copied where the
/// kernel cannot splice and when no pipe is left.
final class RelayBuffer {
    private let runtime: Runtime
    private let limits: RedirectLimits
    /// A Unix-domain socket may bring descriptors, which splice would close here and now (they may block in it).
    private let mayBringDescriptors: Bool
    private var splices: Bool
    private var pipe: PipeBox?
    private var bytes: [UInt8] = []
    private var held = 0

    /// - Parameters:
    ///   - bytes: What is held from the beginning.
    ///   - fromUnix: The socket to read from is one of the Unix domain.
    ///   - mayWait: Somebody else has one of the sockets too and can make it blocking, and so splice(2) wait.
    init(
        holding bytes: [UInt8] = [], fromUnix: Bool, mayWait: Bool, runtime: Runtime, limits: RedirectLimits
    ) {
        self.runtime = runtime
        self.limits = limits
        self.bytes = bytes
        held = bytes.count
        mayBringDescriptors = fromUnix
        splices = !fromUnix && !mayWait && limits.spliceMost > 0
    }

    convenience init(
        _ saved: SavedRelay.Buffer, fromUnix: Bool, mayWait: Bool, runtime: Runtime, limits: RedirectLimits
    ) {
        self.init(holding: saved.bytes, fromUnix: fromUnix, mayWait: mayWait, runtime: runtime, limits: limits)
        held = saved.held
        if saved.pipe.count == 2 {
            let output = saved.pipe[0].adopt()
            pipe = runtime.pipes.lend(Pipe(output: output, input: saved.pipe[1].adopt()))
        }
    }

    var saved: SavedRelay.Buffer {
        SavedRelay.Buffer(
            pipe: pipe?.pipe.ends.map { SavedDescriptor($0) } ?? [], bytes: pipe == nil ? bytes : [], held: held)
    }

    deinit { discard() }

    /// Reads once. Only while nothing is held.
    ///
    /// - Returns: How many bytes; 0 at the end of the stream.
    func receive(from socket: FileDescriptor) throws(Errno) -> Int {
        if splices, let pipe = runtime.pipes.take() {
            do throws(Errno) {
                held = try pipe.pipe.fill(from: socket, most: limits.spliceMost)
                if held > 0 { self.pipe = pipe } else { runtime.pipes.giveBack(pipe, isEmpty: true) }
                return held
            } catch {
                runtime.pipes.giveBack(pipe, isEmpty: true)
                guard error == .invalidArgument || error == .notSupported else { throw error }
                splices = false
            }
        }
        held = try copy(from: socket)
        return held
    }

    private func copy(from socket: FileDescriptor) throws(Errno) -> Int {
        bytes = [UInt8](repeating: 0, count: limits.copyMost)
        do throws(Errno) {
            let received = try DescriptorPassing.receive(
                into: &bytes, room: mayBringDescriptors ? DescriptorPassing.mostDescriptors : 0, on: socket)
            guard received.descriptors.isEmpty else {
                for box in received.descriptors {
                    if let descriptor = box.take() { runtime.launchers.close(descriptor) }
                }
                // A relay moves bytes; a peer that sends more must not think that it has arrived.
                throw Errno.notPermitted
            }
            bytes.removeLast(bytes.count - received.count)
            return received.count
        } catch {
            bytes = []
            throw error
        }
    }

    /// Writes once of what is held.
    ///
    /// - Returns: How many bytes.
    func send(to socket: FileDescriptor) throws(Errno) -> Int {
        let count: Int
        if let pipe {
            count = try pipe.pipe.drain(to: socket, most: held)
        } else {
            count = try DescriptorPassing.send(bytes, on: socket)
            bytes.removeFirst(count)
        }
        held -= count
        if held == 0 { discard() }
        return count
    }

    /// Gives back what was borrowed, and drops what is held.
    func discard() {
        if let pipe = pipe.take() { runtime.pipes.giveBack(pipe, isEmpty: held == 0) }
        bytes = []
        held = 0
    }
}
