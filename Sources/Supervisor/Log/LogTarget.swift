internal import LinuxSystem
internal import SystemPackage

/// Where the log's records are written to. Nothing here waits.
protocol LogTarget: AnyObject {
    /// For messages.
    var name: String { get }
    /// What can be watched for room while it is busy.
    var descriptor: FileDescriptor? { get }
    /// Opens it, or opens it anew: by request, or because a write failed. What was open stays so when this fails.
    ///
    /// - Returns: Whether it is the one that was open, so that what was begun is finished there.
    @discardableResult func open() throws(Errno) -> Bool
    /// Writes a record, or what is left of it.
    func write(_ record: [UInt8], from start: Int) -> LogAttempt
}

/// What came of an attempt to write a record.
enum LogAttempt {
    /// So many bytes of it.
    case wrote(Int)
    /// It takes nothing now: its descriptor is to be watched.
    case busy
    /// It takes nothing for another reason: to be opened anew, or tried later.
    case failed(Errno)
    /// It will never take this one.
    case tooLong
    /// Nobody reads it any more: what waits for it is kept for nobody.
    case gone
}

/// Standard error, which is often shared with others: its mode is left alone.
final class StandardErrorTarget: LogTarget {
    let name = "standard error"
    let descriptor: FileDescriptor?
    private let output: FileDescriptor

    /// - Parameter output: Stays the caller's, and open.
    init(_ output: FileDescriptor = .standardError) {
        self.output = output
        descriptor = output
    }

    @discardableResult func open() -> Bool { true }

    func write(_ record: [UInt8], from start: Int) -> LogAttempt {
        do {
            return .wrote(try output.writeNow(record, from: start))
        } catch {
            switch error {
            case .wouldBlock: return .busy
            // A closed pipe, a terminal that hung up.
            case .brokenPipe, .connectionReset, .ioError: return .gone
            default: return .failed(error)
            }
        }
    }
}

/// A file that is appended to; with O_APPEND, so that what logrotate's copytruncate has cut begins anew at its start.
final class FileTarget: LogTarget {
    let name: String
    private let opening: LogPlan.Opening
    private var file: OwnedDescriptor?

    init(_ path: String, opening: @escaping LogPlan.Opening = LogPlan.opening) {
        name = path
        self.opening = opening
    }

    var descriptor: FileDescriptor? { file?.borrowed }

    @discardableResult func open() throws(Errno) -> Bool {
        let before = descriptor?.deviceAndInode
        file = try opening(.file(name))
        return before != nil && descriptor?.deviceAndInode == before
    }

    func write(_ record: [UInt8], from start: Int) -> LogAttempt {
        guard let descriptor else { return .failed(.noSuchFileOrDirectory) }
        do {
            return .wrote(try descriptor.writeNow(record, from: start))
        } catch {
            // Of a pipe with a name.
            return error == .wouldBlock ? .busy : .failed(error)
        }
    }
}

/// The datagram socket of a syslog daemon or of the journal: a datagram a record.
final class SocketTarget: LogTarget {
    let name: String
    /// What is too long for a datagram goes as a sealed file in memory, as the journal takes it.
    private let passesFiles: Bool
    private let opening: LogPlan.Opening
    private var socket: OwnedDescriptor?

    init(_ path: String, passesFiles: Bool, opening: @escaping LogPlan.Opening = LogPlan.opening) {
        name = path
        self.opening = opening
        self.passesFiles = passesFiles
    }

    var descriptor: FileDescriptor? { socket?.borrowed }

    /// - Throws: ENOTSOCK where something else stands at the path.
    @discardableResult func open() throws(Errno) -> Bool {
        socket = try opening(.socket(name))
        return false
    }

    func write(_ record: [UInt8], from start: Int) -> LogAttempt {
        guard let descriptor else { return .failed(.socketNotConnected) }
        do {
            try DescriptorPassing.send(record, on: descriptor)
            return .wrote(record.count)
        } catch {
            switch error {
            case .wouldBlock: return .busy
            case .messageTooLong: return passesFiles ? writeFile(record, on: descriptor) : .tooLong
            default: return .failed(error)
            }
        }
    }

    private func writeFile(_ record: [UInt8], on descriptor: FileDescriptor) -> LogAttempt {
        do {
            let file = try OwnedDescriptor.sealedFile(record, name: "baton-log")
            try DescriptorPassing.send([], passing: [file.borrowed], on: descriptor)
            return .wrote(record.count)
        } catch {
            return error == .wouldBlock ? .busy : .failed(error)
        }
    }
}
