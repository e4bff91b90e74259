internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// In which form the log goes where: what the table, the command line and the surroundings come to. Pure.
struct LogPlan: Equatable {
    var format: LogFormat
    var place: Place

    enum Place: Equatable, Sendable {
        case standardError
        case file(String)
        case socket(String)
    }

    /// What leads to a place; nothing has to be opened for standard error.
    typealias Opening = (_ place: Place) throws(Errno) -> OwnedDescriptor

    /// With the rights of this process.
    static let opening: @Sendable (Place) throws(Errno) -> OwnedDescriptor = { place throws(Errno) in try place.open() }

    static let syslogSocket = "/dev/log"
    static let journalSocket = "/run/systemd/journal/socket"

    /// - Parameters:
    ///   - override: The command line's word, which counts more than the table's.
    ///   - standardErrorIsJournal: What is written there ends in the journal as it is.
    init(_ settings: LogSettings, override: LogFormat?, standardErrorIsJournal: Bool) {
        let standard: LogFormat = settings.path == nil && standardErrorIsJournal ? .journal : .text
        format = override ?? settings.format ?? standard
        // A file is no socket: with a format of the other kind, the table's path is not meant.
        let isMeant = format.usesSocket == (settings.format ?? .text).usesSocket
        let path = isMeant ? settings.path : nil
        place =
            switch format {
            case .text, .json: path.map { .file($0) } ?? .standardError
            case .syslog: .socket(path ?? Self.syslogSocket)
            case .journal: .socket(path ?? Self.journalSocket)
            }
    }

    /// Whether standard error leads to the journal (systemd.exec(5), JOURNAL_STREAM), and there is one to be reached.
    static func standardErrorIsJournal(_ environment: [String: String]) -> Bool {
        guard let stream = environment["JOURNAL_STREAM"] else { return false }
        return stream == FileDescriptor.standardError.deviceAndInode && FileSystem.isSocket(journalSocket)
    }

    /// Of the place, for messages.
    var name: String { target { _ throws(Errno) in throw .notSupported }.name }

    func target(opening open: @escaping Opening) -> any LogTarget {
        switch place {
        case .standardError: StandardErrorTarget()
        case .file(let path): FileTarget(path, opening: open)
        case .socket(let path): SocketTarget(path, passesFiles: format == .journal, opening: open)
        }
    }
}

extension LogPlan.Place {
    /// Opens it, with the rights of this process. What nobody receives at is answered like what is no socket at all
    /// (unix(7)), and told apart.
    func open() throws(Errno) -> OwnedDescriptor {
        switch self {
        case .standardError: return try FileDescriptor.standardError.duplicate()
        case .file(let path): return try OwnedDescriptor.appending(to: path)
        case .socket(let path):
            let address = SocketAddress.unix(path: path)
            do {
                let socket = try Socket.make(family: address.family, .datagram, nonblocking: true)
                try Socket.connect(socket.borrowed, to: address)
                return socket
            } catch .connectionRefused {
                throw FileSystem.isSocket(path) ? .connectionRefused : .notSocket
            }
        }
    }
}
