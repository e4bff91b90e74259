import Foundation
import TestSupport

/// A process a connection, or the socket itself.
extension FaultScenario {
    static let exec = FaultScenario(
        name: "exec", table: "services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat]}}"
    ) { try echo(at: $0.port("cat")) }

    /// Each step between clone and exec, as far as root may.
    static let settings = FaultScenario(
        name: "settings",
        table: """
            services:
              cat:
                listen: "127.0.0.1:0"
                exec: [/bin/cat]
                user: nobody
                group: daemon
                groups: [bin, sys]
                nice: 1
                oom_score_adjust: 321
                cpu_affinity: [0]
                capabilities: [CAP_NET_BIND_SERVICE]
                no_new_privileges: true
                rlimits: {nofile: 77}
                directory: /usr
                stderr: DIRECTORY/errors
            """
    ) { try echo(at: $0.port("cat")) }

    static let wait = FaultScenario(
        name: "wait",
        table: """
            services:
              one:
                listen: "127.0.0.1:0"
                wait: true
                trigger_limit: {burst: 100000, interval: 1s}
                exec:
                  - /usr/bin/python3
                  - -ISc
                  - |
                    import socket
                    connection, _ = socket.socket(fileno=0).accept()
                    connection.sendall(connection.recv(100))
            """
    ) { supervisor in
        try ask(TestSocket.tcp(port: supervisor.port("one")))
        try supervisor.waitForService("one", "watched again") { $0.listeners[0].state == "listening" }
    }

    static let datagramWait = FaultScenario(
        name: "datagram wait",
        table: """
            services:
              one:
                listen: "udp://127.0.0.1:0"
                wait: true
                trigger_limit: {burst: 100000, interval: 1s}
                exec: [/usr/bin/python3, -ISc, "import socket; s = socket.socket(fileno=0); s.sendto(*s.recvfrom(100))"]
            """
    ) { supervisor in
        try exchangeDatagrams(port: supervisor.port("one"))
        try supervisor.waitForService("one", "watched again") { $0.listeners[0].state == "listening" }
    }

    /// What of a plan is a matter of the file system's.
    static let confined = FaultScenario(
        name: "chroot and cgroup",
        table: """
            services:
              cat:
                listen: "127.0.0.1:0"
                exec: [/bin/cat]
                chroot: /usr
                directory: /bin
                cgroup: GROUP/handlers
            """,
        around: { _ in Surroundings(group: try TemporaryCgroup()) }
    ) { supervisor, surroundings in
        guard let group = surroundings.group?.path else { throw TestFailure("no cgroup") }
        // Each time it is made anew.
        try expect(eventually { rmdir(group + "/handlers") == 0 || errno == ENOENT })
        try echo(at: supervisor.port("cat"))
        try expect(access(group + "/handlers", F_OK) == 0)
    }

    /// A handler that says how it is, also with descriptors that nobody has asked for.
    static let notifying = FaultScenario(
        name: "NOTIFY_SOCKET",
        table: """
            services:
              one:
                listen: "udp://127.0.0.1:0"
                wait: true
                heartbeat: 60s
                trigger_limit: {burst: 100000, interval: 1s}
                exec: [/usr/bin/python3, -IS, FIXTURES/notifying.py, plain]
            """
    ) { supervisor in
        let word = "\(UInt32.random(in: 0 ... .max))"
        for text in ["fd WATCHDOG=1", "READY=1\nSTATUS=\(word)"] {
            try exchangeDatagrams(text, "said", port: supervisor.port("one"))
        }
        let isTold = try eventually(within: Deadline(seconds: 5)) {
            try supervisor.baton("status").standardOutput.contains(word)
        }
        try expect(isTold)
    }
}
