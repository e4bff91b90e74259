import Foundation
import Importers
import LinuxSystem
import TestSupport
import Testing

/// The lists of random rules against what tcpdmatch(8) says of them, address by address.
@Suite struct TCPWrappersTests {
    private static let program =
        ProcessInfo.processInfo.environment["BATON_TCPDMATCH"] ?? "/usr/sbin/tcpdmatch"

    private struct Dice {
        var state: UInt64 = 7

        mutating func roll(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(below))
        }

        mutating func pick(_ values: [String]) -> String { values[roll(values.count)] }

        mutating func clients() -> String {
            let patterns = [
                "ALL", "10.", "10.1.", "10.1.2.", "10.1.2.3", "10.0.0.0/255.255.0.0", "10.1.0.0/16", "192.168.",
                "10.1.*",
            ]
            var words = (0...roll(3)).map { _ in pick(patterns) }
            for _ in 0..<max(0, roll(4) - 1) { words += ["EXCEPT", pick(patterns)] }
            return words.joined(separator: " ")
        }

        mutating func rules() -> String {
            (0..<roll(4)).map { _ in
                "\(pick(["ALL", "in.ftpd", "in.x", "ALL EXCEPT in.x"])): \(clients())\(pick(["", "", " : deny", " : allow"]))\n"
            }.joined()
        }
    }

    /// The length of the longest block in a list that has the address; nil when none has.
    private func best(_ list: [String], _ address: UInt32) -> Int? {
        list.compactMap { entry -> Int? in
            let parts = entry.split(separator: "/")
            guard let block = IPv4Address(parts[0]) else { return nil }
            let length = parts.count == 2 ? Int(parts[1]) ?? 32 : 32
            return length == 0 || block.bits >> UInt32(32 - length) == address >> UInt32(32 - length) ? length : nil
        }.max()
    }

    @Test(
        "the most exact match of the lists decides as the first match of the rules",
        .enabled(if: FileManager.default.isExecutableFile(atPath: program)))
    func sameAnswers() throws {
        var dice = Dice()
        let directory = try TemporaryDirectory()
        try directory.write("inetd.conf", "ftp stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.ftpd\n")
        for _ in 0..<40 {
            let (allow, deny) = (dice.rules(), dice.rules())
            try directory.write("hosts.allow", allow)
            try directory.write("hosts.deny", deny)
            var files = SourceFiles()
            let access = HostsAccess(
                allow: directory.path("hosts.allow"), deny: directory.path("hosts.deny"), files: &files)
            let verdict = HostsVerdict(access, of: "in.ftpd")
            for text in ["10.1.2.3", "10.1.2.4", "10.1.3.4", "10.0.3.4", "10.9.9.9", "192.168.1.1", "172.16.0.1"] {
                let address = try #require(IPv4Address(text)).bits
                let admitted = verdict.onlyFrom.map { best($0, address) } ?? -1
                let refused = best(verdict.noAccess, address)
                let ours = admitted.map { $0 > (refused ?? -2) && ($0 >= 0 || refused == nil) } ?? false
                let answer = try runProgram(
                    Self.program, ["-d", "-i", directory.path("inetd.conf"), "in.ftpd", text], directory: directory.path
                )
                let theirs = answer.standardOutput.contains("access:   granted")
                #expect(
                    ours == theirs,
                    "\(text)\n\(allow)--\n\(deny)\(String(describing: verdict.onlyFrom)) \(verdict.noAccess)\n\(answer)"
                )
            }
        }
    }
}
