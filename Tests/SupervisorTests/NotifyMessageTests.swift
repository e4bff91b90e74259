import Testing

@testable import Supervisor

@Suite("messages to NOTIFY_SOCKET")
struct NotifyMessageTests {
    private func parse(_ text: String) -> [ProcessNotification]? {
        NotifyMessage.parse(Array(text.utf8)[...])
    }

    @Test("what sd_notify sends is understood; what Baton does not know is passed over")
    func understood() {
        #expect(parse("READY=1") == [.ready])
        #expect(parse("READY=1\nSTATUS=serving: 3=4\nMAINPID=17\n") == [.ready, .status("serving: 3=4")])
        #expect(parse("WATCHDOG=1") == [.alive])
        #expect(parse("WATCHDOG=trigger") == [.trigger])
        #expect(parse("WATCHDOG_USEC=250000") == [.heartbeat(.milliseconds(250))])
        #expect(parse("RELOADING=1\nMONOTONIC_USEC=8") == [])
        #expect(parse("BARRIER=1") == [])
        #expect(parse("STOPPING=1\n\nX_OWN=yes") == [.stopping])
        #expect(parse("READY=0") == [])
        #expect(parse("STATUS=") == [.status("")])
    }

    @Test("heartbeats of no time, of years and of no number are none")
    func heartbeats() {
        for value in ["0", "-1", "x", "", "99999999999999999999", "4233600000001"] {
            #expect(parse("WATCHDOG_USEC=\(value)") == [], "\(value)")
        }
        #expect(parse("WATCHDOG_USEC=4233600000000") == [.heartbeat(.seconds(49 * 86_400))])
    }

    @Test("a status is cut at 1,024 bytes")
    func longStatus() {
        guard case .status(let text)? = parse("STATUS=" + String(repeating: "x", count: 3000))?.first else {
            Issue.record("no status")
            return
        }
        #expect(text.utf8.count == 1024)
    }

    @Test(
        "what is no notification is refused whole",
        arguments: [
            "", "\n", "READY", "=1", "ready=1", "READY=1\nnonsense", "STATUS =x", "A B=1", "\u{0}READY=1",
            String(repeating: "A=1\n", count: 65), "STATUS=" + String(repeating: "x", count: 4090),
        ])
    func refused(text: String) {
        #expect(parse(text) == nil)
    }

    @Test("regression: lines that end with CR LF were one line, and a value that begins with an accent was none")
    func characters() {
        #expect(parse("READY=1\r\nSTATUS=a\r\n") == [.ready, .status("a")])
        #expect(parse("STATUS=\u{301}a") == [.status("\u{301}a")])
    }

    @Test("regression: a status that is cut inside a character ended in a replacement for it")
    func cutStatus() {
        #expect(parse("STATUS=" + String(repeating: "€", count: 400)) == [.status(String(repeating: "€", count: 341))])
    }

    @Test("bytes that are no UTF-8 are refused, and random ones never trap")
    func hostile() {
        #expect(NotifyMessage.parse([0x52, 0x3d, 0xff, 0xfe][...]) == nil)
        var state: UInt64 = 1
        for count in 0..<2000 {
            let bytes = (0..<(count % 200)).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return [0x52, 0x3d, 0x0a, 0x31, 0xff, 0x5f, 0x00, 0x20][Int(state >> 61)]
            }
            _ = NotifyMessage.parse(bytes[...])
        }
    }
}

@Suite("a heartbeat that the process sends by itself")
struct WatchdogTests {
    @Test("silence is counted in running time, from the last sign of life")
    func silence() {
        var watchdog = Watchdog(timeout: .seconds(3), at: .seconds(10))
        #expect(watchdog.patience(at: .seconds(10)) == .seconds(3))
        #expect(watchdog.patience(at: .seconds(12)) == .seconds(1))
        watchdog.heard(at: .seconds(12))
        #expect(watchdog.patience(at: .seconds(14)) == .seconds(1))
        #expect(watchdog.patience(at: .seconds(15)) == .zero)
        #expect(watchdog.patience(at: .seconds(100)) == .zero)
    }
}
