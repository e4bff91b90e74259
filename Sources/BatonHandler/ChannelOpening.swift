internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

extension HandlerConfiguration {
    /// Opens the channel and sends REGISTER: the channel given, that of the environment, or a connection to
    /// the supervisor's registration socket.
    func openChannel() throws(HandlerError) -> OwnedDescriptor {
        guard let service = service ?? CurrentProcess.environment("BATON_SERVICE"),
            (1...ProtocolLimits.name).contains(service.utf8.count)
        else { throw .noService }
        let channel = try connectedChannel()
        let registration = HandlerMessage.Registration(
            service: service, traits: reportsEnds ? [] : .sendsNoDone, capacity: capacity)
        let packet: [UInt8]
        do throws(ProtocolError) {
            packet = try MessageCoder.encode(.register(registration))
        } catch {
            throw .protocolViolation("\(error)")
        }
        do throws(Errno) {
            try DescriptorPassing.send(packet, on: channel.borrowed, blocking: true)
        } catch {
            throw HandlerError("REGISTER", error)
        }
        return channel
    }

    private func connectedChannel() throws(HandlerError) -> OwnedDescriptor {
        guard let number = try inheritedNumber() else { return try registeredChannel() }
        do throws(Errno) {
            return try OwnedDescriptor.inheritedSocket(number, .sequencedPacket)
        } catch {
            throw .noChannel("descriptor \(number): \(error)")
        }
    }

    private func inheritedNumber() throws(HandlerError) -> Int32? {
        if let channel { return channel }
        guard let text = CurrentProcess.environment("BATON_CHANNEL") else { return nil }
        if let version = CurrentProcess.environment("BATON_PROTOCOL"), version != "1" {
            throw .noChannel("BATON_PROTOCOL is \(version), only 1 is spoken")
        }
        guard let number = Int32(text), number >= 0 else { throw .noChannel("BATON_CHANNEL is no descriptor number") }
        return number
    }

    private func registeredChannel() throws(HandlerError) -> OwnedDescriptor {
        let named = runtimeDirectory ?? CurrentProcess.environment("BATON_RUNTIME_DIRECTORY")
        let directory =
            named.map { RuntimeDirectory(path: $0) }
            ?? RuntimeDirectory.standard(
                uid: CurrentProcess.uid, session: CurrentProcess.environment("XDG_RUNTIME_DIR"))
        do throws(RuntimeDirectoryError) {
            return try directory.connected(to: "register.sock", .sequencedPacket)
        } catch {
            throw .noChannel("\(error)")
        }
    }
}
