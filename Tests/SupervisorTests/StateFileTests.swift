import ControlProtocol
import Foundation
import HandoffProtocol
import LinuxSystem
import ServiceTable
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor

/// What crosses from one program to the next.
@Suite struct StateFileTests {
    /// A state in which no field has its default.
    static let everything: SupervisorState = {
        let descriptor = SavedDescriptor(FileDescriptor(rawValue: 77))
        let place = SavedPlace(isInService: true, source: .user(5), isInstance: true)
        let origin = SavedOrigin(
            number: 1, peer: .ipv4(.loopback, port: 2), kind: .vsock, listener: "l", accepted: .seconds(3),
            statedLocal: .vsock(cid: 4, port: 5), isTouched: true, drained: [6], hasDrainedRoom: true, passes: 7,
            deliveries: 8, place: place, isShared: false)
        var connection = SavedConnection()
        (connection.descriptor, connection.origin) = (descriptor, origin)
        let baton = SavedBaton(
            descriptor: descriptor, origin: origin, wasSentBefore: true, isSuspect: true, avoids: 1, socket: 2,
            waited: .seconds(1), queuedSince: .seconds(2), traffic: SavedTraffic(read: 1, written: 2, inFlight: 3),
            isBegun: true)
        let instance = SavedInstance(
            pid: 9, started: Timestamp(seconds: 1, nanoseconds: 2), since: .seconds(3), wasTerminated: true,
            due: .seconds(4), isInherited: true)
        let lifeline = SavedChannel(descriptor: descriptor, takesDescriptors: true)
        let channel = SavedChannel(
            descriptor: descriptor, takesDescriptors: true, unsent: [SavedBytes(bytes: [1, 2])], waitsForRoom: true,
            waitsForMemory: true, hasEnded: true, isIllegible: true,
            stream: SavedChannel.Stream(bytes: [1], arrived: [descriptor, nil], last: 4, isCutShort: true),
            lifeline: [lifeline])
        var ledger = SavedLedger()
        (ledger.sendsDone, ledger.lastSent, ledger.acknowledged) = (false, 5, 6)
        (ledger.waiting, ledger.taken) = ([(1, 2)], [(3, 4)])
        let handler = SavedHandler(
            number: 1, slot: 2, pid: 3, started: Timestamp(seconds: 4), kind: .registered,
            machine: HandlerMachine.Content(
                state: .ending, everRegistered: true, processEnded: true, channelEnded: true,
                status: .signaled(9, coreDumped: true), drainAnnounced: true, dismissed: true, brokeProtocol: true),
            channel: channel, credentials: SavedCredentials(pid: 1, uid: 2, gid: 3, groups: [4]), process: descriptor,
            instance: instance, ledger: ledger, unacknowledged: [baton],
            held: [baton], traits: 3, ownCapacity: 4, served: 5, restsUntil: .seconds(6), suspect: 7,
            suspectSent: .seconds(8), channelIsFull: true, channelIsBroken: true, wasIllegible: true,
            lastProgress: .seconds(9),
            idleSince: .seconds(10), heartbeat: Heartbeat.Content(lastPing: 1, asked: .seconds(2)),
            heartbeatDue: .seconds(11), startDue: .seconds(12), drainDue: .seconds(13), remnantDue: .seconds(14),
            silentSince: .seconds(16), statusText: "s", lastSign: .seconds(15))
        let supply = SavedSupply(
            policy: RestartPolicy.Content(failures: [.seconds(1)], streak: 2),
            pool: PoolPolicy.Content(wanted: 1, isAsleep: true, surplusSince: .seconds(1), spare: 3), stage: .failed,
            due: .seconds(1), members: [1, 2], rolling: SavedSupply.Rolling(old: [1], replacements: [2]))
        let progress = SavedProgress(
            exchange: InternalExchange.Content(service: .qotd, output: [1], inputEnded: true, lingerBytes: 2),
            traffic: Traffic(received: 1, sent: 2), lastMove: .seconds(1), lingerDue: .seconds(2))
        var machine = RelayMachine()
        machine.client.isBroken = true
        machine.target.isBroken = true
        machine.fromClient = RelayMachine.Way(held: 1, inputEnded: true, isOver: true)
        machine.fromTarget = RelayMachine.Way(held: 2, inputEnded: true, isOver: true)
        machine.turn = .target
        let end = SavedRelay.End(descriptor: descriptor, isUnix: true, isProgram: true)
        let buffer = SavedRelay.Buffer(pipe: [descriptor, descriptor], bytes: [1], held: 2)
        let relay = SavedRelay(
            origin: origin, client: end, target: end, toClient: buffer, toTarget: buffer, machine: machine,
            traffic: Traffic(received: 3, sent: 4), lastMove: .seconds(5), failure: "f")
        var counters = ConnectionCounters()
        (counters.active, counters.accepted, counters.queued, counters.spawned) = (1, 2, 3, 4)
        (counters.handedOff, counters.requeued, counters.ended, counters.cut) = (5, 6, 7, 8)
        (counters.abandoned, counters.lost) = (9, 10)
        counters.refused[.rate] = 11
        counters.dropped[.loop] = 12
        var timings = Timings()
        timings.handoff.record(.seconds(1))
        timings.queue.record(.seconds(60))
        timings.spawn.record(.milliseconds(1))
        let wait = SavedWait(
            instance: instance,
            notifying: SavedNotifying(
                state: .unresponsive, said: .stopping, status: "s", timeout: .seconds(1), lastSign: .seconds(2)),
            trigger: TriggerPolicy.Content(failures: [.seconds(1)], pauses: 2), pauseDue: .seconds(1),
            isRestarting: true, lent: [5])
        let ways = SavedWays(
            definition: [1],
            standardError: SavedStandardError(
                ours: descriptor, theirs: descriptor, lines: [SavedStandardError.Line(pid: 1, bytes: [2])],
                kept: 3),
            banner: [SavedBanner(connection: connection, rest: [1], due: .seconds(1))],
            exec: SavedExec(running: [SavedExec.Process(instance: instance, origin: origin)], bridges: [relay]),
            handoff: SavedHandoff(queue: [baton], handlers: [handler], balance: 1, supply: supply), waits: [wait],
            formerWaits: [wait], inside: [SavedInternal(connection: connection, progress: progress)], characterLine: 1,
            redirect: SavedRedirect(preferred: .unix(path: "/x"), connecting: [connection], relays: [relay]),
            guests: [
                SavedGuest(
                    connection: connection, isRefused: true, isGreeted: true, due: .seconds(1), answer: progress)
            ])
        let service = SavedService(
            leaving: [1], name: "n", isStopping: true, isLeaving: true, endDue: .seconds(1),
            pausedSince: Timestamp(seconds: 2),
            record: SavedRecord(
                counters: counters, timings: timings,
                lastFailure: StartFailure(stage: "s", error: "e", time: Timestamp(seconds: 1)),
                lastCrash: Crash(
                    handler: "1", pid: 2, reason: "r", connection: 3, peer: "p", time: Timestamp(seconds: 4)),
                refusals: [
                    SavedRecord.Refusal(
                        reason: "rate", number: 1, peer: .vsock(cid: 2, port: 3), detail: "d",
                        time: Timestamp(seconds: 4))
                ]),
            listeners: [
                SavedListener(
                    descriptor: descriptor, lastAddress: .abstract(name: "a"), failures: 1,
                    keeping: .stored("k"), wasLent: false)
            ],
            rates: SavedRates(
                all: TokenBucket(fullAt: .seconds(1)),
                bySource: [
                    SavedRates.Source(
                        key: .block(AddressBlock(isIPv4: false, high: 1, low: 0, length: 64)),
                        bucket: TokenBucket(fullAt: .seconds(2)))
                ]),
            arrivals: [SavedArrival(connection: connection, due: .seconds(1))],
            lingering: [SavedLingering(number: 1, descriptor: descriptor, left: 2, due: .seconds(3))], ways: ways,
            retired: [ways])
        var event = SavedEvent()
        (event.time, event.service, event.connection) = (Timestamp(seconds: 1), "s", 2)
        (event.peer, event.name, event.level) = (.vsock(cid: 1, port: 2), "refused", .error)
        (event.message, event.reason, event.pid, event.status) = ("m", "r", 3, 4)
        (event.duration, event.more) = (.seconds(5), [6])
        return SupervisorState(
            program: "p", began: .seconds(1), started: Timestamp(seconds: 9), runningTime: .seconds(2),
            options: SavedOptions(
                table: "t", isFile: false, runtimeDirectory: "r", logLevel: "debug", logFormat: "json",
                isStrict: true), table: [1],
            softOpenFiles: 1, hardOpenFiles: 2, lastConnection: 3, lastHandler: 4,
            files: SavedFiles(path: "p", directory: descriptor, lock: descriptor, wasMade: true), control: descriptor,
            register: descriptor, registerStream: descriptor,
            applicants: [SavedApplicant(channel: channel, credentials: SavedCredentials(pid: 1), due: .seconds(1))],
            notifications: descriptor, notificationsDropped: 1,
            log: [SavedBytes(bytes: [1])], logDropped: 5, whyLogDropped: "w", events: [event],
            requester: SavedRequester(descriptor: descriptor, id: [1]), services: [service], desk: desk)
    }()

    private static let desk: SavedDesk = {
        var start = WorkerStart()
        start.options = SavedOptions(
            table: "t", isFile: false, runtimeDirectory: "r", logLevel: "debug", logFormat: "json", isStrict: true)
        (start.began, start.started) = (.seconds(1), Timestamp(seconds: 9))
        (start.softOpenFiles, start.hardOpenFiles) = (1, 2)
        start.user = Credentials(
            user: UserAccount(name: "u", uid: 3, gid: 4, home: "/h", shell: "/s"), gid: 5, groups: [6])
        let key = ProgramKey(service: "n", role: .handler)
        start.table = WorkerTable(LoadedTable(table: nil, faults: []), [key: 7])
        (start.notifyPath, start.watchdog, start.hasManager) = ("/n", .seconds(8), true)
        (start.pid, start.restarts, start.lastEnd, start.confinement) = (9, 10, "e", "c")
        let descriptor = SavedDescriptor(FileDescriptor(rawValue: 77))
        return SavedDesk(
            start: start, permits: start.table, requests: descriptor, news: descriptor, manager: descriptor,
            roster: descriptor, launchers: [SavedLauncher(pid: 11, channel: descriptor, report: descriptor)])
    }()

    private static func bytes(_ state: SupervisorState = everything) -> [UInt8] {
        StateFile(state, formerProgram: FileDescriptor(rawValue: 55)).bytes
    }

    /// Everything in a value, as text.
    private static func text(_ value: Any) -> String {
        var text = ""
        dump(value, to: &text)
        return text
    }

    @Test("no field of the sample has its default")
    func completeness() throws {
        func look(_ value: Any, _ blank: Any, _ path: String) {
            for (child, other) in zip(Mirror(reflecting: value).children, Mirror(reflecting: blank).children) {
                #expect(Self.text(child.value) != Self.text(other.value), "\(path).\(child.label ?? "?")")
            }
        }
        let state = Self.everything
        look(state, SupervisorState(), "state")
        look(state.options, SavedOptions(), "options")
        look(state.files, SavedFiles(), "files")
        look(try #require(state.events.first), SavedEvent(), "event")
        let service = try #require(state.services.first)
        look(service, SavedService(), "service")
        look(service.record, SavedRecord(), "record")
        look(try #require(service.record.refusals.first), SavedRecord.Refusal(), "refusal")
        look(service.record.timings, Timings(), "timings")
        look(service.record.counters, ConnectionCounters(), "counters")
        look(service.ways, SavedWays(), "ways")
        let handoff = try #require(service.ways.handoff)
        look(handoff, SavedHandoff(), "handoff")
        look(handoff.supply, SavedSupply(), "supply")
        let handler = try #require(handoff.handlers.first)
        look(handler, SavedHandler(), "handler")
        look(handler.machine, HandlerMachine.Content(), "machine")
        look(handler.ledger, SavedLedger(), "ledger")
        look(try #require(handler.channel), SavedChannel(), "channel")
        look(try #require(handler.held.first), SavedBaton(), "baton")
        look(try #require(handler.held.first).origin, SavedOrigin(), "origin")
        look(try #require(service.ways.redirect?.relays.first), SavedRelay(), "relay")
        look(try #require(service.ways.guests.first), SavedGuest(), "guest")
        look(try #require(service.ways.waits.first), SavedWait(), "wait")
        look(try #require(service.ways.waits.first?.notifying), SavedNotifying(), "notifying")
    }

    @Test("a round trip brings every field back")
    func roundTrip() throws {
        let file = try StateFile(reading: Self.bytes())
        #expect(file.formerProgram == 55)
        #expect(Set(file.descriptors) == [77] && file.descriptors.count > 20)
        let state = try file.state()
        #expect(Self.text(state) == Self.text(Self.everything))
    }

    @Test("bytes that are cut short, or changed, fail and never trap")
    func malformed() throws {
        let bytes = Self.bytes()
        for count in 0..<bytes.count {
            #expect(throws: StateFile.Unreadable.self) { try StateFile(reading: Array(bytes[..<count])).state() }
        }
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << bit
                _ = try? StateFile(reading: changed).state()
            }
        }
    }

    @Test("a version that is not known is refused, and what is to be kept open is known all the same")
    func versions() throws {
        var bytes = Self.bytes()
        let file = try StateFile(reading: bytes)
        // The body begins with its version, behind its own length.
        let magic = "baton state\n".utf8.count
        let start = magic + 8 + 8 + 8 * file.descriptors.count + 8
        for version in [0, SupervisorState.version + 1] {
            bytes[start] = UInt8(version)
            let other = try StateFile(reading: bytes)
            #expect(other.descriptors == file.descriptors)
            #expect(throws: StateFile.Unreadable.self) { try other.state() }
        }
    }

    /// The bytes of `everything` as each version has written them. A new version adds a file; none is ever written anew.
    @Test(
        "the state of every version that is still to be read",
        arguments: SupervisorState.oldestVersion...SupervisorState.version)
    func recorded(version: Int) throws {
        let path = Repository.path("Tests/Fixtures/state-\(version).bin")
        let bytes = try #require(FileManager.default.contents(atPath: path), "\(path) is missing")
        let state = try StateFile(reading: Array(bytes)).state()
        #expect(state.services.map(\.name) == ["n"])
        if version == SupervisorState.version { #expect(Self.text(state) == Self.text(Self.everything)) }
    }
}
