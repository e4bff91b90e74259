internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

extension Dispatcher {
    /// No connection is on its way from one service to another, or from one handler to another.
    var isAtRest: Bool {
        (metrics?.count ?? 0) == 0 && multiplexer?.isAtRest ?? true && routes?.isAtRest ?? true
            && !(handoff?.handlers.contains { $0.isPassing } ?? false) && retired.allSatisfy(\.isAtRest)
    }

    var saved: SavedWays {
        var saved = SavedWays()
        saved.standardError = standardError?.saved
        saved.banner = banner?.saved ?? []
        saved.exec = exec?.saved
        saved.handoff = handoff?.saved
        saved.waits = waits.map(\.saved)
        saved.formerWaits = formerWaits.map(\.saved)
        saved.inside = inside?.saved ?? []
        saved.characterLine = datagrams?.characterLine ?? 0
        saved.redirect = relays?.saved
        saved.guests = (multiplexer?.saved ?? []) + (routes?.saved ?? [])
        return saved
    }

    /// The same of those that a reload has retired, each with the service as it was.
    var savedRetired: [SavedWays] {
        retired.map { dispatcher in
            var saved = dispatcher.saved
            saved.definition = ServiceTable.bytes(with: dispatcher.definition)
            return saved
        }
    }

    /// Goes on where the program before left off. What has to be done, and not only known, comes after this round.
    ///
    /// - Parameter sockets: The listeners of all services, by descriptor.
    func resume(_ saved: SavedWays, _ books: Intake, _ sockets: [Int32: Listener]) throws(Errno) {
        if let processes = saved.exec {
            // A reload may have taken it out of the table while they ran.
            if exec == nil { exec = makeExec(.none) }
            exec?.resume(processes, books)
        }
        if let handlers = saved.handoff { try handoff?.resume(handlers, books) }
        for (wait, saved) in zip(waits, saved.waits) { wait.resume(saved, sockets) }
        // Of a service that stops there are no listeners any more, but perhaps the process that has the sockets.
        formerWaits = (saved.waits.dropFirst(waits.count).filter { $0.instance != nil } + saved.formerWaits).map {
            saved in
            let wait = makeWait([])
            wait.resume(saved, sockets)
            return wait
        }
        try inside?.resume(saved.inside, books)
        datagrams?.characterLine = saved.characterLine
        if let redirect = saved.redirect { relays?.resume(redirect, books) }
        multiplexer?.resume(saved.guests, books)
        routes?.resume(saved.guests, books)
        if !saved.banner.isEmpty, banner == nil {
            banner = Banner([0], record: record, runtime: runtime, changed: room.give)
        }
        banner?.resume(saved.banner, books) { [self] in goOn($0, $1) }
    }

    /// Takes those again that a reload has retired.
    func resume(retired saved: [SavedWays], _ books: Intake, _ sockets: [Int32: Listener]) throws {
        var again: [Dispatcher] = []
        for ways in saved {
            let former = Dispatcher(
                try ServiceTable.service(in: ways.definition), refuser: refuser, record: record, runtime: runtime,
                standardError: ways.standardError)
            try former.resume(ways, books, sockets)
            again.append(former)
        }
        // As at the reload: the last of them brings the others along.
        guard let last = again.popLast() else { return }
        last.retired = again
        succeed(last)
    }
}

extension ServiceTable {
    /// One service alone, to be carried over.
    static func bytes(with service: Service) -> [UInt8] {
        var table = ServiceTable()
        table.services = [service]
        return LoadedTable(table: table, faults: []).encoded()
    }

    static func service(in bytes: [UInt8]) throws -> Service {
        guard let service = try LoadedTable(decoding: bytes).table?.services.first else {
            throw StateFile.Unreadable(why: "the state has a service without a definition")
        }
        return service
    }
}
