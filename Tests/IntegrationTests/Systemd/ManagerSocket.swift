import Foundation
import LinuxSystem
import SystemPackage
import TestSupport

/// NOTIFY_SOCKET of a service manager, and the descriptors that it keeps.
final class ManagerSocket {
    private let socket: TestSocket
    private var buffer = [UInt8](repeating: 0, count: 8192)
    /// The file descriptor store.
    private(set) var kept: [Kept] = []

    struct Kept {
        let name: String
        let socket: DescriptorBox
    }

    init(_ path: String) throws {
        socket = try TestSocket(family: AF_UNIX, type: TestSocket.datagram)
        try socket.bind(to: SocketName(unix: path))
    }

    func isSilent(for seconds: Double) -> Bool { !socket.isReadable(within: seconds) }

    /// Reads one message, and does what it says.
    func receive() throws -> [String: String] {
        let received = try DescriptorPassing.receive(
            into: &buffer, room: 8, on: FileDescriptor(rawValue: socket.descriptor), blocking: true)
        var message: [String: String] = [:]
        for line in String(decoding: buffer[..<received.count], as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else { throw TestFailure("no assignment: \(line)") }
            message[parts[0]] = parts[1]
        }
        let name = message["FDNAME"] ?? ""
        if message["FDSTOREREMOVE"] == "1" { kept.removeAll { $0.name == name } }
        if message["FDSTORE"] == "1" {
            guard !name.isEmpty, name.utf8.count <= 255, !name.contains(":"), message["FDPOLL"] == "0",
                received.descriptors.count == 1
            else { throw TestFailure("not to be kept: \(message)") }
            kept += received.descriptors.map { Kept(name: name, socket: $0) }
        } else if !received.descriptors.isEmpty {
            throw TestFailure("descriptors for nothing: \(message)")
        }
        return message
    }
}
