internal import LinuxSystem

/// Pipes for bytes on their way between two sockets. A relay borrows one while it holds bytes, so thousands of
/// quiet ones need none; when all are lent, bytes are copied instead.
final class PipePool {
    private var free: [PipeBox] = []
    private var lent = 0
    private var relays = 0
    /// Nil until the first pipe: the limit of open files is raised when the table is read.
    private var most: Int?

    /// A lent pipe is two descriptors and some 16 pages; more than a few are lent only while receivers are slow.
    private static let mostLent = 1024
    /// Pipes take no more than a quarter of the descriptors.
    private static let descriptorsPerPipe = 8
    private static let mostFree = 8

    /// A relay begins that may borrow.
    func enter() {
        relays += 1
    }

    /// A relay has ended; without any, no pipe is kept.
    func leave() {
        relays -= 1
        if relays == 0 { free.removeAll() }
    }

    /// An empty pipe, to be given back; nil when there is none to spare.
    func take() -> PipeBox? {
        let most = self.most ?? Self.limit
        self.most = most
        guard lent < most, let pipe = free.popLast() ?? (try? PipeBox()) else { return nil }
        lent += 1
        return pipe
    }

    /// Counts one that was lent by the program before, with bytes in it.
    func lend(_ pipe: consuming Pipe) -> PipeBox {
        lent += 1
        return PipeBox(pipe)
    }

    /// Takes back a pipe; one with bytes in it is closed.
    func giveBack(_ pipe: PipeBox, isEmpty: Bool) {
        lent -= 1
        if isEmpty, free.count < Self.mostFree { free.append(pipe) }
    }

    private static var limit: Int {
        guard let files = try? ResourceLimits.openFiles() else { return 0 }
        return min(mostLent, Int(clamping: files.soft) / descriptorsPerPipe)
    }
}

/// A pipe in a collection, where noncopyable values cannot live.
final class PipeBox {
    let pipe: Pipe

    init() throws {
        pipe = try Pipe()
    }

    init(_ pipe: consuming Pipe) {
        self.pipe = pipe
    }
}
