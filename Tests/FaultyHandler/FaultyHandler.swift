import Glibc
import HandoffProtocol
import LinuxSystem
import SystemPackage

/// A handler in one thread that keeps to the protocol but for one fault. It answers a line with the same line; "pass"
/// is passed on.
final class FaultyHandler {
    private struct Held {
        var id: UInt64
        var line: [UInt8]
        var isPassed = false
        var isServed = true
    }

    private let fault: Fault
    private let service: String
    private let channel: OwnedDescriptor
    private var outbox: [(bytes: [UInt8], descriptor: Int32?)] = []
    private var held: [Int32: Held] = [:]
    private var buffer = [UInt8](repeating: 0, count: ProtocolLimits.message + 1)
    private var isDraining = false
    private var hasWelcome = false
    private var isChannelOver = false
    private var lastPing: UInt64?
    private var surplus: [DescriptorBox] = []

    /// What REGISTER states.
    private static let capacity: UInt32 = 40
    /// What some faults do well.
    private static let few = 8

    init(_ fault: Fault) throws {
        self.fault = fault
        if let text = CurrentProcess.environment("BATON_CHANNEL"), let number = Int32(text) {
            channel = OwnedDescriptor(adopting: number)
            service = CurrentProcess.environment("BATON_SERVICE") ?? ""
            if fault != .inheritsChannel { try Socket.setCloseOnExec(channel.borrowed, true) }
        } else {
            let directory = CurrentProcess.environment("BATON_RUNTIME_DIRECTORY") ?? ""
            channel = try Socket.connected(to: .unix(path: directory + "/register.sock"), .sequencedPacket)
            service = fault == .namesAnotherServiceByHand ? "other" : CurrentProcess.environment("BATON_SERVICE") ?? ""
        }
        if fault == .ignoresTerminate { signal(SIGTERM, SIG_IGN) }
        register()
    }

    private func register() {
        if fault == .acknowledgesBeforeRegister { say(.acknowledge(upTo: 0)) }
        let name = fault == .namesAnotherService ? "other" : service
        say(.register(HandlerMessage.Registration(service: name, capacity: Self.capacity)))
        if fault == .registersVersion2 { outbox[0].bytes[MessageHeader.size] = 2 }
    }

    /// Its exit status.
    func run() -> Int32 {
        while true {
            flush()
            if let status { return status }
            let events = outbox.isEmpty ? POLLIN : POLLOUT
            var polled = [
                pollfd(fd: isChannelOver ? -1 : channel.rawValue, events: Int16(events), revents: 0)
            ]
            for (number, connection) in held where !connection.isPassed && connection.isServed {
                polled.append(pollfd(fd: number, events: Int16(POLLIN), revents: 0))
            }
            poll(&polled, nfds_t(polled.count), -1)
            for entry in polled where entry.revents != 0 {
                if entry.fd != channel.rawValue { serve(entry.fd) } else if outbox.isEmpty { readChannel() }
                if status != nil { break }
            }
        }
    }

    private var status: Int32? {
        if isChannelOver, fault != .outlivesChannel, held.isEmpty || fault == .cutsAtEnd { return 1 }
        guard isDraining, held.isEmpty || fault == .cutsWhenDrained, outbox.isEmpty else { return nil }
        return fault == .failsAfterDrain ? 1 : 0
    }

    // MARK: - The channel

    private func say(_ message: HandlerMessage, passing descriptor: Int32? = nil) {
        outbox.append(((try? MessageCoder.encode(message)) ?? [], descriptor))
    }

    private func flush() {
        while let (bytes, number) = outbox.first {
            do {
                let passed = number.map { [FileDescriptor(rawValue: $0)] } ?? []
                try DescriptorPassing.send(
                    bytes, passing: passed, on: channel.borrowed, blocking: fault == .blocksOnFullChannel)
            } catch Errno.wouldBlock {
                if fault != .losesOnFullChannel { return }
            } catch {
                if fault == .triesForEver { return }
                isChannelOver = true
                outbox = []
                return
            }
            outbox.removeFirst()
        }
    }

    private func readChannel() {
        guard let received = try? DescriptorPassing.receive(into: &buffer, room: 2, on: channel.borrowed) else {
            return
        }
        guard received.count > 0 else {
            isChannelOver = true
            return
        }
        let packet = Array(buffer.prefix(received.count))
        do throws(ProtocolError) {
            let message = try MessageCoder.decodeSupervisorMessage(packet.span)
            if message.type != .baton {
                if fault == .keepsSurplus {
                    surplus += received.descriptors
                } else {
                    try message.type.check(descriptors: received.descriptors.count)
                }
            }
            take(message, received)
        } catch {
            takeMalformed(error)
        }
    }

    private func takeMalformed(_ error: ProtocolError) {
        switch (fault, error) {
        case (.diesOfWrongLength, .lengthMismatch), (.diesOfLongPing, .badBodyLength(.ping, _)): abort()
        case (.trustsBatons, .badBodyLength(.baton, _)): say(.acknowledge(upTo: 1))
        default: exit(2)
        }
    }

    private func take(_ message: SupervisorMessage, _ received: DescriptorPassing.Received) {
        switch message {
        case .welcome:
            if hasWelcome, fault == .diesOfSecondWelcome { abort() }
            hasWelcome = true
        case .baton(let baton): take(baton, received)
        case .ping(let id): answer(ping: id)
        case .drain:
            if isDraining, fault == .diesOfSecondDrain { abort() }
            isDraining = fault != .ignoresDrain
        case .reject(let reason):
            if fault == .hangsWhenRejected { while true { pause() } }
            _ = try? FileDescriptor.standardError.writeAll("rejected: \(reason)\n".utf8)
            exit(1)
        case .passed(let id, let outcome): passed(id, outcome)
        }
    }

    private func answer(ping id: UInt64) {
        switch fault {
        case .neverPongs: return
        case .silentWhileHolding where !held.isEmpty: return
        case .silentWhileBusy where held.count > Self.few: return
        case .silentWhenDrained where isDraining: return
        case .pongsOnceForTwo where lastPing == id: return
        case .pongsWithoutID: say(.pong(id: 0))
        default: say(.pong(id: id))
        }
        lastPing = id
    }

    private func take(_ baton: SupervisorMessage.Baton, _ received: DescriptorPassing.Received) {
        let isCut = received.descriptorsTruncated
        if isCut, fault == .diesOfShortage { abort() }
        guard !isCut, received.descriptors.count == 1 || (fault == .takesFirstOfTwo && !received.descriptors.isEmpty),
            let descriptor = received.descriptors.first?.take()
        else {
            let ignores = isCut ? fault == .ignoresTruncation : fault == .acknowledgesWithoutDescriptor
            return say(ignores ? .acknowledge(upTo: baton.id) : .negative(id: baton.id, reason: "no descriptor"))
        }
        if chokes(on: baton) { abort() }
        if fault == .refusesSentBefore, baton.wasSentBefore {
            return say(.negative(id: baton.id, reason: "was sent before"))
        }
        if fault == .givesBack { return say(.negative(id: baton.id, reason: "not today")) }
        acknowledge(baton.id)
        if isDraining, fault == .dropsCrossing { return }
        if fault == .childKeepsChannel { startChild() }
        var connection = Held(id: baton.id, line: fault == .forgetsDrained ? [] : baton.drained)
        connection.isServed = fault != .servesFewAtOnce || held.count < Self.few
        let number = descriptor.release()
        held[number] = connection
        if !connection.line.isEmpty { answerLine(number) }
    }

    private func chokes(on baton: SupervisorMessage.Baton) -> Bool {
        switch fault {
        case .chokesOnLongName: baton.listener.utf8.count > 200
        case .chokesOnProxyTail: baton.proxyHeader.count > 300
        default: false
        }
    }

    private func acknowledge(_ id: UInt64) {
        switch fault {
        case .neverAcknowledges, .acknowledgesLate: return
        case .acknowledgesFewOfMany where id > Self.few && held.count >= Self.few: return
        case .acknowledgesAnother: say(.acknowledge(upTo: id + 1))
        default: say(.acknowledge(upTo: id))
        }
    }

    /// A process in the same session, with the channel in its hands.
    private func startChild() {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, channel.rawValue, 9)
        var arguments = [strdup("sleep"), strdup("86399"), nil]
        defer { arguments.forEach { free($0) } }
        var pid: pid_t = 0
        posix_spawn(&pid, "/bin/sleep", &actions, nil, &arguments, nil)
    }

    // MARK: - Connections

    private func serve(_ number: Int32) {
        let socket = FileDescriptor(rawValue: number)
        let bytes = (try? Socket.receive(socket, most: 4096)) ?? []
        if fault == .acknowledgesLate, let id = held[number]?.id { say(.acknowledge(upTo: id)) }
        guard !bytes.isEmpty else { return end(number) }
        held[number]?.line += bytes
        answerLine(number)
    }

    private func answerLine(_ number: Int32) {
        guard let line = held[number]?.line, let end = line.firstIndex(of: UInt8(ascii: "\n")) else { return }
        if line[..<end].elementsEqual("pass".utf8) { return pass(number) }
        let answer = fault == .answersAnother ? Array("something else\n".utf8) : Array(line[...end])
        _ = try? DescriptorPassing.send(answer, on: FileDescriptor(rawValue: number))
        self.end(number)
    }

    private func end(_ number: Int32) {
        guard let connection = held.removeValue(forKey: number) else { return }
        if fault == .closesWithoutShutdown || fault == .doneBeforeClose {
            // The client is told by whoever closes last.
        } else {
            Socket.shutdown(FileDescriptor(rawValue: number))
        }
        if fault == .doneBeforeClose { Socket.shutdown(FileDescriptor(rawValue: number)) } else { close(number) }
        done(connection.id)
        if let waiting = held.first(where: { !$0.value.isServed })?.key { held[waiting]?.isServed = true }
    }

    private func done(_ id: UInt64) {
        switch fault {
        case .neverDone: return
        case .doneOfAnother: say(.done([id + 1]))
        case .doneTwice:
            say(.done([id]))
            say(.done([id]))
        default: say(.done([id]))
        }
    }

    // MARK: - PASS

    private func pass(_ number: Int32) {
        guard let connection = held[number], fault != .passesNothing else { return end(number) }
        held[number]?.isPassed = fault != .readsWhatItPassed
        held[number]?.line = []
        let id = fault == .passesAnother ? connection.id + 5 : connection.id
        let pass = HandlerMessage.Pass(id: id, service: "other", drained: connection.line)
        say(.pass(pass), passing: fault == .passesWithoutDescriptor ? nil : number)
    }

    private func passed(_ id: UInt64, _ outcome: SupervisorMessage.PassOutcome) {
        guard let number = held.first(where: { $0.value.id == id })?.key else { return }
        guard outcome == .taken else {
            if fault == .forgetsRefused { held[number] = nil } else { held[number]?.isPassed = false }
            return
        }
        if fault == .keepsPassed { return }
        held[number] = nil
        if fault == .shutsDownPassed { Socket.shutdown(FileDescriptor(rawValue: number)) }
        close(number)
        if fault == .donePassed { say(.done([id])) }
    }
}
