import ControlProtocol
import LinuxSystem
import Testing

@testable import baton

@Suite("The screen of top")
struct TopScreenTests {
    private func screen(_ count: Int, _ change: (inout ServiceStatus) -> Void = { _ in }) -> TopScreen {
        var screen = TopScreen(text: TopText())
        for second in 1...3 {
            let services = (0..<count).map { (name: "s\($0)", accepted: $0 * second * 3) }
            screen.take(status(Double(second), services, change))
        }
        return screen
    }

    private func text(_ screen: inout TopScreen, rows: Int = 24, columns: Int = 80) -> [String] {
        screen.lines(Terminal.Size(rows: rows, columns: columns)).map {
            $0.rendered(columns: columns, paint: Paint(isOn: false))
        }
    }

    @Test("80 columns have all of a table, and the busiest first")
    func table() {
        var screen = screen(3)
        let lines = text(&screen)
        #expect(
            lines[0] == "baton 1, pid 1, up 3.0s, t                                               healthy")
        #expect(lines[1] == "9.0 accepted/s, 0 refused/s, 0 active, 0 queued; 3 ready")
        #expect(lines[2] == " SERVICE        STATE    ACC/S REF/S ACTIV QUEUE   P50   P99 HANDLERS ACCEPTS   ")
        #expect(lines[3] == ">s2             ready      6.0     0     0     0     -     -                  ██")
        #expect(lines[4] == " s1             ready      3.0     0     0     0     -     -                  ██")
        #expect(lines[5] == " s0             ready        0     0     0     0     -     -                    ")
        #expect(lines.count == 24 && lines[23].hasPrefix("by accepted/s"))
    }

    @Test("whatever the size, the keys and the text from outside, each line fits and controls nothing")
    func fuzz() {
        var random = SystemRandomNumberGenerator()
        let keys: [Key] =
            [
                .up, .down, .left, .right, .pageUp, .pageDown, .home, .end, .enter, .escape,
            ] + "arcwtsnoRkjgGhb? x".map { .character($0) }
        for round in 0..<300 {
            var screen = screen(round % 60) { service in
                service.dispatch = .handoff
                service.reason = "日本\u{1b}[2J\n"
                service.connections.refused[.rate] = 3
                service.handlers = [
                    HandlerStatus(
                        id: "1", pid: 2, kind: .registered, state: .unresponsive, capacity: 9, held: 1,
                        unacknowledged: 0, served: 7, started: Timestamp(seconds: 1), lastSignOfLife: .seconds(1),
                        status: "語\u{202e}🚀\u{7}\r\u{9b}1m")
                ]
            }
            for _ in 0..<12 {
                if !screen.handle(keys.randomElement(using: &random) ?? .up) { Issue.record("q was not struck") }
                let (rows, columns) = (Int.random(in: 1...40), Int.random(in: 1...150))
                let size = Terminal.Size(rows: rows, columns: columns)
                let lines = screen.lines(size)
                #expect(lines.count <= rows)
                for line in lines {
                    let shown = line.rendered(columns: columns, paint: Paint(isOn: false))
                    #expect(TextWidth.of(shown) <= columns)
                    #expect(!shown.unicodeScalars.contains { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) })
                    #expect(!shown.unicodeScalars.contains("\u{202e}"))
                }
            }
        }
    }

    @Test("the marked service stays marked when it is sorted elsewhere, and in sight")
    func selection() {
        var screen = screen(100)
        func marked() -> String? {
            text(&screen, rows: 20).first { $0.hasPrefix(">") }?.split(separator: " ").first.map(String.init)
        }
        #expect(marked() == ">s99")
        _ = screen.handle(.down)
        #expect(marked() == ">s98")
        _ = screen.handle(.character("o"))
        #expect(marked() == ">s98")
        #expect(text(&screen, rows: 20).last?.contains("84-99 of 100") == true)
        _ = screen.handle(.end)
        _ = screen.handle(.end)
        #expect(marked() == ">s99")
        _ = screen.handle(.home)
        #expect(marked() == ">s0")
        _ = screen.handle(.pageDown)
        #expect(marked() == ">s16")
        let goesOn = screen.handle(.character("q"))
        #expect(!goesOn)
    }

    @Test("a detail goes with its service, whoever comes first meanwhile")
    func detail() {
        var screen = screen(3)
        _ = screen.handle(.enter)
        #expect(text(&screen)[3].hasPrefix("s2  exec  ready"))
        screen.take(status(4, [("s0", 10_000), ("s1", 0), ("s2", 0)]))
        #expect(text(&screen)[3].hasPrefix("s2  exec  ready"))
        _ = screen.handle(.escape)
        #expect(text(&screen)[3].hasPrefix(">s2") == false)
        #expect(text(&screen).contains { $0.hasPrefix(">s2") })
    }

    @Test("space holds the screen; what comes meanwhile is shown when it goes on")
    func pause() {
        var screen = screen(2)
        _ = screen.handle(.character(" "))
        let before = text(&screen)
        screen.take(status(9, [("s0", 1000), ("s1", 0)]))
        #expect(text(&screen) == before)
        #expect(before.last?.hasPrefix("PAUSED") == true)
        _ = screen.handle(.character(" "))
        #expect(text(&screen)[0].contains("up 9.0s"))
    }

    @Test("silence is told in the first line, with the reason below")
    func silence() {
        var screen = screen(1)
        screen.silence = ("no supervisor answers at /x: Connection refused", .seconds(12))
        let lines = text(&screen)
        #expect(lines[0].hasSuffix("no supervisor answers, for 12s"))
        #expect(lines[2] == "! no supervisor answers at /x: Connection refused")
        screen.take(status(4, [("s0", 0)]))
        #expect(text(&screen)[0].hasSuffix("healthy"))
    }
}
