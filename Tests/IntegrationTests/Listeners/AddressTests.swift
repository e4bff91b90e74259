import Foundation
import TestSupport
import Testing

/// Endpoints whose address comes after the supervisor, as at boot.
@Suite struct AddressTests {
    private static let table = """
        services:
          late: {listen: "192.0.2.1:7", internal: echo}
          datagrams: {listen: "udp://192.0.2.1:7", internal: echo}
          six: {listen: "[2001:db8::1]:7", internal: echo}
          wrong: {listen: "192.0.2.2:7", internal: echo}
        """

    /// Runs a program in the supervisor's network.
    @discardableResult
    private func run(_ program: String, _ arguments: [String], by supervisor: RunningSupervisor) throws -> String {
        let output = try NetworkNamespace.run(program, arguments, inNetworkOf: supervisor.process.pid)
        guard output.status == .exited(0) else { throw TestFailure("\(program) \(arguments): \(output)") }
        return output.standardOutput
    }

    private func ip(_ words: String, in supervisor: RunningSupervisor) throws {
        try run("ip", words.split(separator: " ").map(String.init), by: supervisor)
    }

    /// Whether it listens to the kernel's news: RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR.
    private func hearsNews(_ supervisor: RunningSupervisor) throws -> Bool {
        try run("cat", ["/proc/net/netlink"], by: supervisor).contains(" 00000110 ")
    }

    @Test(
        "a listener is bound as soon as its address appears, without waiting for its backoff",
        .enabled(if: NetworkNamespace.command != nil, "this machine permits no network namespaces"))
    func addressAppears() throws {
        let directory = try TemporaryDirectory()
        let supervisor = try RunningSupervisor(
            Self.table, in: directory, program: NetworkNamespace.wrapped("baton", in: directory))
        // Some attempts later the next is so far away that whoever waits for it is seen.
        try supervisor.waitForService("late", "to be tried in some seconds") {
            ($0.listeners[0].retry_seconds ?? 0) > 3.5
        }
        let patience = Deadline(seconds: 3)
        let attempts = supervisor.log.text.count(of: "retrying")
        try ip("address add 192.0.2.1/32 dev lo", in: supervisor)
        for name in ["late", "datagrams"] {
            try supervisor.waitForService(name, "bound", within: patience) { $0.listeners[0].state == "listening" }
        }
        try ip("address add 2001:db8::1/128 dev lo nodad", in: supervisor)
        try supervisor.waitForService("six", "bound", within: patience) { $0.listeners[0].state == "listening" }
        #expect(try supervisor.service("wrong").listeners[0].state == "retrying")
        #expect(try hearsNews(supervisor))
        #expect(supervisor.log.text.count(of: "retrying") == attempts, "an attempt in vain is no news")

        let echo = "import socket; s = socket.create_connection(('192.0.2.1', 7)); s.send(b'hi'); print(s.recv(2))"
        #expect(try run("/usr/bin/python3", ["-c", echo], by: supervisor) == "b'hi'\n")

        try ip("address add 192.0.2.2/32 dev lo", in: supervisor)
        try supervisor.waitForService("wrong", "bound", within: patience) { $0.listeners[0].state == "listening" }
        #expect(try !hearsNews(supervisor), "nobody needs them any more")
        try supervisor.stop()
    }

    @Test(
        "regression: a flood of news that the kernel has to drop is taken for one more attempt",
        .enabled(if: NetworkNamespace.command != nil, "this machine permits no network namespaces"))
    func flood() throws {
        let directory = try TemporaryDirectory()
        let supervisor = try RunningSupervisor(
            Self.table, in: directory, program: NetworkNamespace.wrapped("baton", in: directory))
        try supervisor.waitForService("late", "to be tried in some seconds") {
            ($0.listeners[0].retry_seconds ?? 0) > 3.5
        }
        let patience = Deadline(seconds: 3)
        // More than the socket holds while the supervisor is stopped.
        let batch = (0..<2000).map { "address add 198.18.\($0 / 250).\($0 % 250 + 1)/32 dev lo\n" }.joined()
        let file = try directory.write("batch", batch + "address add 192.0.2.1/32 dev lo\n")
        try ProcessView(pid: supervisor.process.pid).stop()
        try ip("-batch \(file)", in: supervisor)
        try supervisor.process.signal(SIGCONT)
        try supervisor.waitForService("late", "bound", within: patience) { $0.listeners[0].state == "listening" }
        try supervisor.stop()
    }
}

extension String {
    fileprivate func count(of word: String) -> Int { components(separatedBy: word).count - 1 }
}
