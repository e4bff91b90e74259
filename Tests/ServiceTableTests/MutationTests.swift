import Testing

@testable import ServiceTable

@Suite("mutations of tables")
struct MutationTests {
    private static let seedText = """
        include: [none*]
        log: {level: info, to: stderr}
        limits: {open_files: 100, stop_timeout: 5s}
        defaults: {umask: 022, env: {A: &a b}, pass_env: [TZ], socket: {backlog: 5}}
        services:
          web: {listen: ["127.0.0.1:8080", {address: "[::1]:81", name: x, ipv6_only: true}], exec: "/bin/cat 'a b'"}
          app:
            listen: [unix:///run/a, "@b", "vsock://*:5"]
            handoff: {exec: [/bin/a], queue: {size: 5, timeout: 1m}, restart: {backoff: {first: 1s, longest: 2s}}}
            user: root
            rlimits: {nofile: 64, as: 5MiB, cpu: unlimited}
          d: {listen: udp://*:7, wait: true, exec: [/bin/cat], +pass_env: [*a], trigger_limit: {burst: 5}}
          r: {listen: 5, route: {rules: [{match: {prefix: x}, to: web}], default: app}, only_from: [10.0.0.0/8]}
          e: {listen: [7, "udp4://*:9"], internal: echo, access_times: Mon-Fri 08:00-18:00, rate: 5/s}
        """

    private static let pieces = [
        "[", "]", "{", "}", ": ", ", ", "- ", "\n", "  ", "&a ", "*a", "!", "\"", "'", "#", "%", "|", ">", "? ", "~",
        "\0",
        "é", "\u{feff}", "-1", "0", "99999999999999999999", "unlimited", "+", "@", "//", "\\", "tcp://", "\t", "<<: ",
    ]

    @Test("no mutation crashes the reader, and a table comes out exactly when there is no error", arguments: 0..<8)
    func mutate(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let original = Array(Self.seedText.utf8)
        for _ in 0..<150 {
            var text = original
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0...text.count, using: &random)
                let end = min(text.count, at + Int.random(in: 0...12, using: &random))
                switch Int.random(in: 0..<5, using: &random) {
                case 0: text.removeSubrange(at..<end)
                case 1: text.insert(contentsOf: Array((Self.pieces.randomElement(using: &random) ?? "").utf8), at: at)
                case 2:
                    text.insert(contentsOf: Array(text[at..<end]), at: Int.random(in: 0...text.count, using: &random))
                case 3: if at < text.count { text[at] = UInt8.random(in: 0...255, using: &random) }
                default:
                    if at < end {
                        text.replaceSubrange(
                            at..<end, with: Array((Self.pieces.randomElement(using: &random) ?? "").utf8))
                    }
                }
            }
            let loaded = ServiceTableReader.read(text: text, name: "m", resolving: false)
            let failed = loaded.faults.contains { $0.severity == .error }
            #expect((loaded.table == nil) == failed)
            #expect(try LoadedTable(decoding: loaded.encoded()) == loaded)
            for fault in loaded.faults {
                #expect(!fault.description.unicodeScalars.contains { $0.value < 0x20 }, "\(fault)")
            }
        }
    }
}
