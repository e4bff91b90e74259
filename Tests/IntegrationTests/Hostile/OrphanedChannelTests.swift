import Foundation
import TestSupport
import Testing

/// A registered handler's process that ends, and leaves its channel to another.
@Suite struct OrphanedChannelTests {
    @Test(
        "regression: who has inherited the channel of a process that is gone serves on, after a silence that nobody is killed for"
    )
    func orphan() throws {
        let program = """
            import os, socket, sys
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            channel.connect(sys.argv[1])
            if os.fork() == 0:
                channel.set_inheritable(True)
                os.environ['BATON_CHANNEL'] = str(channel.fileno())
                os.execv(sys.argv[2], sys.argv[2:])
            """
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: {interval: 100ms, timeout: 200ms}, unresponsive: kill}}
            """
        try withSupervisor(table) { supervisor in
            let path = supervisor.runtimeDirectory + "/register.sock"
            let command = try ExampleHandler.python.command
            let parent = try runProgram("/usr/bin/python3", ["-c", program, path] + command + ["app"])
            #expect(parent.status == .exited(0))
            let port = try supervisor.port("app")
            let client = try TestSocket.tcp(port: port)
            try client.send("hello\n")
            let answer = try client.receiveText()
            #expect(answer.hasSuffix(" hello\n"))
            let pid = try #require(answer.split(separator: " ").lazy.compactMap { Int32($0.dropFirst(4)) }.first)
            // It does not answer any more, and there is no process to be killed for it.
            try ProcessView(pid: pid).stop()
            defer { kill(pid, SIGKILL) }
            try supervisor.waitForService("app", "unresponsive") { $0.handlers.first?.state == "unresponsive" }
            try check("kill") { kill(pid, SIGCONT) }
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            try check("kill") { kill(pid, SIGKILL) }
            try supervisor.waitForService("app", "gone") { $0.handlers.isEmpty }
        }
    }
}
