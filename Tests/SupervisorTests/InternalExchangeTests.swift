import ServiceTable
import Testing

@testable import Supervisor

@Suite struct InternalExchangeTests {
    private func exchange(_ service: InternalService) -> InternalExchange {
        InternalExchange(service, at: .init(seconds: 0))
    }

    @Test("echo does not read while it has something to write")
    func echoBackpressure() {
        var echo = exchange(.echo)
        #expect(echo.step == .exchange(reading: true, writing: false))
        echo.received([1, 2, 3])
        #expect(echo.step == .exchange(reading: false, writing: true))
        echo.sent(2)
        #expect(echo.output == [3])
        #expect(!echo.reads)
        echo.sent(1)
        #expect(echo.step == .exchange(reading: true, writing: false))
    }

    @Test("echo ends after the client's end, once the rest is written")
    func echoEnd() {
        var echo = exchange(.echo)
        echo.received([1, 2])
        echo.receivedEnd()
        #expect(echo.step == .exchange(reading: false, writing: true))
        echo.sent(2)
        #expect(echo.step == .end)
    }

    @Test("discard reads to the end and never writes")
    func discard() {
        var discard = exchange(.discard)
        discard.received([UInt8](repeating: 1, count: 100_000))
        #expect(discard.step == .exchange(reading: true, writing: false))
        #expect(!discard.writes)
        discard.receivedEnd()
        #expect(discard.step == .end)
    }

    @Test("chargen throws away what comes in and goes on after the client's end, without reading it again")
    func chargen() {
        var chargen = exchange(.chargen)
        #expect(chargen.step == .exchange(reading: true, writing: true))
        chargen.received([1, 2, 3])
        chargen.receivedEnd()
        #expect(chargen.step == .exchange(reading: false, writing: true))
        var all: [UInt8] = []
        while all.count < 20_000 {
            let count = min(999, chargen.output.count)
            all += chargen.output.prefix(count)
            chargen.sent(count)
        }
        #expect(all == InternalContent.characters(all.count, fromLine: 0))
    }

    @Test("daytime, time and qotd say their word, then linger", arguments: [InternalService.daytime, .time, .qotd])
    func oneWord(_ service: InternalService) {
        var exchange = exchange(service)
        #expect(exchange.step == .exchange(reading: false, writing: true))
        exchange.sent(exchange.output.count)
        #expect(exchange.step == .linger)
        #expect(exchange.reads && !exchange.writes)
        exchange.received([1])
        #expect(exchange.step == .linger)
        var patient = exchange
        patient.receivedEnd()
        #expect(patient.step == .end)
        exchange.received([UInt8](repeating: 0, count: 65_535))
        #expect(exchange.step == .end, "64 KiB is enough")
    }
}
