import ControlProtocol
import LinuxSystem
import ServiceTable
import Testing

@testable import Supervisor

/// tcpmux in a loop of the test's own: what takes time, and services that answer late.
@Suite struct TCPMuxDispatchTests {
    /// A service that answers when the test wants.
    private final class LateTarget: ConnectionTarget {
        private(set) var answer: ((ConnectionOffer) -> Void)?
        private(set) var entered = 0

        func offer(
            _ connection: DescriptorBox, _ origin: ConnectionOrigin, answer: @escaping (ConnectionOffer) -> Void
        ) {
            self.answer = answer
        }

        func admit() {
            answer?(.admitted { [self] in entered += 1 })
        }
    }

    private final class Bench {
        let bench: InternalBench
        let record: ServiceRecord
        let dispatch: TCPMuxDispatch
        let target = LateTarget()

        init(lineTimeout: Duration = TCPMuxDispatch.standardLineTimeout) throws {
            bench = try InternalBench(.discard)
            let runtime = bench.runtime
            record = ServiceRecord(name: "mux", events: runtime.events)
            dispatch = TCPMuxDispatch(
                refuser: Refuser(reply: nil, record: record, runtime: runtime), record: record, runtime: runtime,
                lineTimeout: lineTimeout
            ) {}
            runtime.services["late"] = target
            runtime.services.multiplexed.add(TCPMuxName(name: "late", answers: true), service: "late")
        }

        func connect(saying text: String) throws -> BenchClient {
            let ends = try InternalBench.Transport.tcp.pair()
            let origin = ConnectionOrigin(
                number: bench.runtime.nextConnectionNumber(), peer: .ipv4(.loopback, port: 1), kind: .tcp,
                listener: "mux", accepted: bench.runtime.loop.now)
            record.connections.accepted += 1
            dispatch.dispatch(DescriptorBox(ends.theirs), origin)
            let client = try BenchClient(ends.ours, loop: bench.runtime.loop)
            client.send(Array(text.utf8))
            return client
        }
    }

    @Test("who names no service in time is told so and refused", arguments: ["", "lat"])
    func late(text: String) throws {
        let mux = try Bench(lineTimeout: .milliseconds(40))
        let client = try mux.connect(saying: text)
        try mux.bench.run { client.sawEnd }
        #expect(client.text == "-no service was named in time\r\n")
        #expect(mux.record.connections.refused[.route] == 1 && mux.record.connections.isBalanced)
        client.close()
        try mux.bench.run { mux.dispatch.count == 0 }
        #expect(mux.record.connections.ended == 0, "counted once")
    }

    @Test("a service may take its time to answer: the client waits, and + is said when it has admitted")
    func lateAnswer() throws {
        let mux = try Bench(lineTimeout: .milliseconds(20))
        let client = try mux.connect(saying: "LATE\r\n")
        try mux.bench.run { mux.target.answer != nil }
        #expect(mux.dispatch.count == 1 && mux.record.connections.active == 1)
        mux.target.admit()
        try mux.bench.run { client.text == "+Go\r\n" }
        #expect(mux.target.entered == 1 && mux.dispatch.count == 0)
        #expect(mux.record.connections.ended == 1 && mux.record.connections.isBalanced)
    }

    @Test("an answer that comes after the stop finds nobody")
    func answerAfterStop() throws {
        let mux = try Bench()
        let client = try mux.connect(saying: "late\r\n")
        try mux.bench.run { mux.target.answer != nil }
        mux.dispatch.endAll()
        #expect(mux.dispatch.count == 0 && mux.record.connections.refused[.stopping] == 1)
        mux.target.admit()
        #expect(mux.target.entered == 0 && mux.record.connections.isBalanced)
        try mux.bench.run { client.sawEnd || client.failure != nil }
    }
}
