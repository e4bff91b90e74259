extension SocketOptions: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&backlog)
        coder.flag(&reusePort)
        coder.flag(&freeBind)
        coder.optional(&interface)
        coder.flag(&transparent)
        coder.optional(&mark)
        coder.optional(&priority)
        coder.optional(&tos)
        coder.optional(&ttl)
        coder.value(&keepAlive)
        coder.optional(&noDelay)
        coder.optional(&deferAccept)
        coder.optional(&fastOpen)
        coder.optional(&congestion)
        coder.flag(&broadcast)
        coder.array(&multicast)
        coder.optional(&receiveBuffer)
        coder.optional(&sendBuffer)
        coder.optional(&mode)
        coder.optional(&owner)
        coder.optional(&group)
        coder.integer(&directoryMode)
        coder.flag(&removeOnStop)
    }
}

extension SocketOptions.KeepAlive: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&isOn)
        coder.optional(&idle)
        coder.optional(&interval)
        coder.optional(&count)
    }
}

extension MulticastGroup: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.value(&address)
        coder.optional(&interface)
    }
}
