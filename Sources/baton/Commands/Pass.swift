internal import ArgumentParser
internal import ControlProtocol
internal import Glibc
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

struct Pass: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hand the connection on standard input over to a service.",
        discussion: """
            For scripts that Baton starts for a connection, and for any program that holds one on descriptor 0. When \
            the service has taken it, it is the service's: end without another byte. Else the exit code is 1, or 77 when you \
            may not pass connections to it, and the connection is yours still.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Option(
        help: ArgumentHelp(
            "What you have read of the connection already; the service gets it first. At most 61,440 bytes.",
            valueName: "file"))
    var drained: String?

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @Argument(help: "The service.", completion: .services)
    var service: String

    func execute() throws(Failure) {
        // Before anything is opened, which would get its number.
        guard fcntl(FileDescriptor.standardInput.rawValue, F_GETFD) != -1 else {
            throw Failure(.failed, "there is no connection to hand over: descriptor 0 is not open")
        }
        guard Socket.peerOfConnection(.standardInput) != nil else {
            throw Failure(.failed, "there is no connection to hand over: descriptor 0 is no connected socket")
        }
        let answer = try RegistrationClient(supervisor.directory).pass(
            FileDescriptor.standardInput, to: service, drained: try readDrained())
        if json {
            var object: JSONObject = ["passed": .bool(answer == nil)]
            object.append("reason", answer.map { .string($0) })
            print(JSON.object(object).text)
        }
        guard let answer else { return }
        throw Failure(.failed, "\(service.printable()) does not take the connection: \(Self.explanation(of: answer))")
    }

    private static func explanation(of answer: String) -> String {
        switch RefusalReason(rawValue: answer) {
        case .noHandler: "there is no such service, or it has no handler"
        case .passed: "it is not given connections one by one"
        case let reason: reason?.explanation ?? answer.printable()
        }
    }

    private func readDrained() throws(Failure) -> [UInt8] {
        guard let drained else { return [] }
        var bytes: [UInt8] = []
        do {
            let file = try FileDescriptor.open(FilePath(drained), .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            var buffer = [UInt8](repeating: 0, count: ProtocolLimits.drained + 1)
            while bytes.count <= ProtocolLimits.drained, let count = try file.readOnce(into: &buffer), count > 0 {
                bytes += buffer.prefix(count)
            }
        } catch {
            throw Failure(.failed, "\(drained.printable()): \(error)")
        }
        guard bytes.count <= ProtocolLimits.drained else {
            throw Failure(.failed, "\(drained.printable()) has more than \(ProtocolLimits.drained) bytes")
        }
        return bytes
    }
}
