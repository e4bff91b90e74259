import ControlProtocol
import HandoffProtocol
import LinuxSystem
import Testing

@testable import ServiceTable
@testable import Supervisor

/// What is made of a roster, whoever has written it.
@Suite struct RecoveryTests {
    private static let now = Duration.seconds(1000)

    private static let table: ServiceTable = {
        let text = """
            services:
              a: {listen: ["127.0.0.1:3", "127.0.0.1:4"], exec: [/bin/cat], wait: true}
              b: {listen: ["127.0.0.1:6", "127.0.0.1:7"], exec: [/bin/cat], wait: true, style: systemd}
              files: {listen: ["127.0.0.1:1", {address: "127.0.0.1:2", name: more}], exec: [/bin/cat], runtime_limit: 100s}
              web: {listen: "127.0.0.1:5", handoff: {exec: [/bin/true]}}

            """
        let loaded = ServiceTableReader.read(text: Array(text.utf8), name: "t", resolving: false)
        precondition(loaded.table != nil, "\(loaded.faults)")
        return loaded.table ?? ServiceTable()
    }()

    /// The listener of a `wait` service, or one that it has no longer.
    private static func listener(_ service: Int, _ place: Int) -> RosterName {
        let endpoints = table.services[service].endpoints
        return endpoints.indices.contains(place) ? RosterName(endpoints[place]) : RosterName("gone")
    }

    private func recover(
        _ content: RosterContent, isLeft: @escaping (Int32, Duration) -> Bool = { _, _ in true }
    ) -> Recovery.Outcome {
        var recovery = Recovery(
            Self.table, content, kept: [:], listeners: [:], now: Self.now, time: Timestamp(seconds: 5000),
            isLeft: isLeft)
        return recovery.outcome()
    }

    private func process(_ pid: Int32, _ service: String, number: UInt64 = 0) -> RosterProcess {
        var process = RosterProcess()
        (process.pid, process.service, process.began) = (pid, RosterName(service), .seconds(990))
        process.origin.number = number
        process.origin.listener = RosterName("more")
        process.origin.accepted = .seconds(989)
        process.origin.peer = .ipv4(IPv4Address(bits: 0x0102_0304), port: 5)
        process.origin.source = .block(length: 24)
        process.origin.isInstance = true
        return process
    }

    private func handler(_ pid: Int32, number: UInt64) -> RosterHandler {
        var handler = RosterHandler()
        (handler.pid, handler.number, handler.service) = (pid, number, RosterName("web"))
        (handler.began, handler.sent, handler.acknowledged) = (.seconds(900), 10, 5)
        handler.isSupervised = true
        handler.life = HandlerMachine.Content(state: .ready, everRegistered: true).inRoster
        return handler
    }

    private func connection(_ handler: UInt64, id: UInt64, number: UInt64) -> RosterConnection {
        var connection = RosterConnection()
        (connection.handler, connection.id, connection.origin.number) = (handler, id, number)
        return connection
    }

    @Test("a process and its connection, as they were")
    func exec() throws {
        var content = RosterContent()
        content.processes = [process(10, "files", number: 7)]
        content.lastConnection = 9
        let outcome = recover(content)
        let state = try #require(outcome.services.first { $0.name == "files" })
        let found = try #require(state.ways.exec?.running.first)
        #expect(found.instance.pid == 10 && found.instance.isInherited && found.instance.since == .seconds(990))
        #expect(found.instance.started == Timestamp(seconds: 4990) && found.instance.due == .seconds(1090))
        #expect(found.origin.number == 7 && found.origin.listener == "more" && found.origin.kind == .tcp)
        let block = AddressBlock(isIPv4: true, high: 0x0102_0300 << 32, low: 0, length: 24)
        #expect(found.origin.place?.source == .block(block))
        #expect(found.origin.place?.isInstance == true && found.origin.place?.isInService == true)
        #expect(state.record.counters.active == 1 && state.record.counters.isBalanced)
        #expect(outcome.lastConnection == 9)
    }

    @Test("a wait handler is with the listener whose socket it has; one whose listener is gone runs on")
    func wait() throws {
        var content = RosterContent()
        for (pid, service, place) in [(10, 0, 1), (11, 1, 1), (12, 1, 0), (13, 0, 2)] as [(Int32, Int, Int)] {
            var process = process(pid, Self.table.services[service].name)
            process.isWait = true
            process.origin.listener = Self.listener(service, place)
            content.processes.append(process)
        }
        let services = recover(content).services
        #expect(services[0].ways.waits.map { $0.instance?.pid } == [nil, 10])
        #expect(services[0].ways.formerWaits.map { $0.instance?.pid } == [13])
        #expect(services[1].ways.waits.map { $0.instance?.pid } == [11], "one process has all sockets")
        #expect(services[1].ways.formerWaits.map { $0.instance?.pid } == [12])
    }

    @Test("what is no child, or is there twice, or cannot be, is as if it were not there")
    func unbelievable() throws {
        var content = RosterContent()
        content.processes = [
            process(1, "files", number: 1), process(0, "files", number: 2), process(-5, "files", number: 3),
            process(10, "files", number: 4), process(10, "files", number: 5), process(11, "files", number: 4),
            process(12, "files"), process(13, "files", number: .max), process(14, "nobody", number: 6),
            process(15, "files", number: 8),
        ]
        content.processes[9].began = .seconds(1001)
        content.handlers = [
            handler(10, number: 1), handler(20, number: 2), handler(21, number: 2), handler(22, number: 0),
            handler(23, number: .max), handler(24, number: 3), handler(25, number: 4), handler(99, number: 5),
            handler(26, number: 6), handler(27, number: 7),
        ]
        content.handlers[5].acknowledged = 11
        content.handlers[6].life = RosterHandler.Life(state: 77, flags: 0)
        content.handlers[8].traits = 0x8000
        // It has been sent connections before it said what it is.
        content.handlers[9].life = HandlerMachine.Content(state: .starting, everRegistered: false).inRoster
        content.connections = [
            connection(2, id: 1, number: 20), connection(2, id: 1, number: 21), connection(2, id: 2, number: 20),
            connection(2, id: 3, number: 4), connection(2, id: 11, number: 22), connection(2, id: 0, number: 23),
            connection(77, id: 1, number: 24), connection(2, id: 6, number: 25),
        ]
        (content.lastConnection, content.lastHandler) = (.max, .max)
        let outcome = recover(content) { pid, _ in pid != 99 }
        let files = try #require(outcome.services.first { $0.name == "files" })
        #expect(files.ways.exec?.running.map(\.instance.pid) == [10])
        let web = try #require(outcome.services.first { $0.name == "web" })
        let handlers = try #require(web.ways.handoff?.handlers)
        #expect(handlers.map(\.pid) == [20])
        #expect(handlers.first?.held.map(\.origin.number) == [20])
        #expect(handlers.first?.unacknowledged.map(\.origin.number) == [25])
        #expect(web.record.counters.isBalanced)
        #expect(outcome.lastConnection == 25 && outcome.lastHandler == 2)
    }

    @Test("whatever stands in a roster, what comes of it obeys the rules", arguments: 0..<8)
    func anything(round: Int) throws {
        for _ in 0..<250 {
            var content = RosterContent()
            content.handlers = (0..<4).map { _ in anyHandler() }
            content.connections = (0..<24).map { _ in anyConnection() }
            content.processes = (0..<8).map { _ in
                var process = process(.random(in: -1...6), Self.table.services.randomElement()?.name ?? "")
                process.origin = anyOrigin()
                process.isWait = .random()
                process.began = .nanoseconds(Int64.random(in: -1 << 40...1 << 41))
                return process
            }
            let outcome = recover(content) { _, _ in .random() }
            var numbers: [UInt64] = []
            var pids: [Int32] = []
            for service in outcome.services {
                #expect(service.record.counters.isBalanced)
                let running = service.ways.exec?.running ?? []
                numbers += running.map(\.origin.number)
                pids += running.map(\.instance.pid) + service.ways.waits.compactMap { $0.instance?.pid }
                for handler in service.ways.handoff?.handlers ?? [] {
                    numbers += (handler.held + handler.unacknowledged).map(\.origin.number)
                    if handler.instance != nil { pids.append(handler.pid) }
                    #expect(handler.ledger.taken.count == handler.held.count)
                    #expect(handler.ledger.waiting.map(\.id) == handler.ledger.waiting.map(\.id).sorted())
                    let ids = (handler.ledger.taken + handler.ledger.waiting).map(\.id)
                    #expect(
                        Set(ids).count == ids.count && ids.allSatisfy { (1...handler.ledger.lastSent).contains($0) })
                }
            }
            #expect(Set(numbers).count == numbers.count && Set(pids).count == pids.count)
            #expect(pids.allSatisfy { $0 > 1 })
        }
    }

    private func anyHandler() -> RosterHandler {
        var handler = handler(.random(in: -1...6), number: .random(in: 0...4))
        handler.sent = [0, 5, 10, .max].randomElement() ?? 0
        handler.acknowledged = [0, 4, 9, .max].randomElement() ?? 0
        handler.began = .nanoseconds(Int64.random(in: -1 << 40...1 << 41))
        handler.life = RosterHandler.Life(state: .random(in: 0...7), flags: .random(in: 0...255))
        (handler.isSupervised, handler.isUnsure) = (.random(), .random())
        (handler.traits, handler.slot, handler.capacity) = (
            .random(in: 0...4), .random(in: 0 ... .max), .random(in: 0...9)
        )
        return handler
    }

    private func anyConnection() -> RosterConnection {
        var connection = connection(.random(in: 0...4), id: .random(in: 0...11), number: 0)
        connection.isPassed = .random()
        connection.origin = anyOrigin()
        return connection
    }

    private func anyOrigin() -> RosterOrigin {
        var origin = RosterOrigin()
        origin.number = .random(in: 0...30)
        origin.accepted = [.zero, .seconds(-1), .seconds(Int64.max / 2), .seconds(5)].randomElement() ?? .zero
        origin.transport = .random(in: 0...255)
        origin.peer =
            [.unix(path: "x"), .ipv4(.any, port: 0), .ipv6(.loopback, port: 1)].randomElement() ?? origin.peer
        origin.source = [nil, .block(length: 255), .nobody, .uncounted].randomElement() ?? nil
        origin.isInstance = .random()
        return origin
    }
}
