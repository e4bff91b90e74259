import Glibc
import TestSupport
import Testing

/// A flood of refused sources: it costs no memory, fills no log, and stops nobody who is admitted.
@Suite struct FloodTests {
    @Test("10,000 refused sources of 127.0.0.0/8, and an allowed client among them")
    func flood() throws {
        let table = """
            services:
              echo:
                listen: "127.0.0.1:0"
                internal: echo
                only_from: [127.0.0.1]
                rate_per_source: 100/s
                per_source: 4
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("echo")
            #expect(try TestSocket.tcp(port: port).isServed())
            let before = try #require(supervisor.view.anonymousMemory)
            var served = 0
            for number in 0..<10_000 {
                let source = "127.\(1 + number / 65_536).\(number / 256 % 256).\(number % 256 == 0 ? 1 : number % 256)"
                try TestSocket.tcp(port: port, from: source).close()
                if number % 100 == 0, try TestSocket.tcp(port: port).isServed() { served += 1 }
            }
            #expect(served == 100)
            let service = try supervisor.waitForService("echo", "refused") {
                $0.connections.refused == ["source": 10_000] && $0.connections.active == 0
            }
            #expect(service.connections.isBalanced && service.connections.ended == 101)
            let after = try #require(supervisor.view.anonymousMemory)
            #expect(after - before < 2048, "KiB more than before: \(after - before)")
            #expect(supervisor.log.lines.count < 400)
        }
    }

    @Test("ten thousand admitted sources are not remembered for ever")
    func spoofed() throws {
        let table = """
            services:
              daytime:
                listen: "127.0.0.1:0"
                internal: daytime
                rate_per_source: {rate: 1000/s, burst: 2}
                per_source: 4
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("daytime")
            func visit(_ range: Range<Int>) throws {
                for number in range {
                    let source = "127.\(1 + number / 65_536).\(number / 256 % 256).\(max(1, number % 256))"
                    #expect(try TestSocket.tcp(port: port, from: source).end() == .spoke)
                }
            }
            try visit(0..<2000)
            let before = try #require(supervisor.view.anonymousMemory)
            try visit(2000..<6000)
            try supervisor.waitForService("daytime", "ended") { $0.connections.active == 0 }
            let after = try #require(supervisor.view.anonymousMemory)
            #expect(after - before < 1024, "KiB more than before: \(after - before)")
        }
    }
}

extension ProcessView {
    /// RssAnon, in KiB.
    fileprivate var anonymousMemory: Int? {
        status("RssAnon")?.split(separator: " ").first.flatMap { Int($0) }
    }
}
