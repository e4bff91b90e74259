import Foundation
import TestSupport
import Testing

/// What a reload does with sockets that a `wait` handler has.
@Suite struct ReloadWaitTests {
    /// Accepts for itself, answers `word` and a line of each client, and ends when a client says "end".
    private func server(in directory: TemporaryDirectory) throws -> String {
        try directory.write(
            "server.py",
            """
            import socket, sys
            listener = socket.socket(fileno=0)
            while True:
                connection, _ = listener.accept()
                line = connection.makefile().readline()
                connection.sendall((sys.argv[1] + ' ' + line).encode())
                if line == 'end\\n':
                    break
            """)
    }

    @Test("a wait handler goes on as it was started until it ends, and so is said; baton restart ends it")
    func waitHandler() throws {
        let directory = try TemporaryDirectory()
        let program = try server(in: directory)
        let path = directory.path("s.sock")
        func table(_ word: String, _ more: String = "") -> String {
            "services: {app: {listen: \"\(path)\", wait: true, exec: [/usr/bin/python3, \(program), \(word)]\(more)}}"
        }
        try withSupervisor(table("one"), in: directory) { supervisor in
            let listener = supervisor.listeners(at: path)
            #expect(try TestSocket.unix(path).ask() == "one hello")
            let pid = try supervisor.onlyHandler().pid
            let change = try supervisor.reload(table("two")).change(of: "app")
            #expect(
                change.notes == [
                    "its handler, pid \(pid), goes on as it was started until it ends; baton restart app ends it"
                ])
            #expect(try TestSocket.unix(path).ask() == "one hello")
            #expect(try supervisor.reload(table("two", ", max_load: 1000")).change(of: "app").notes.isEmpty)
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
            _ = eventually { !ProcessView(pid: pid).isAlive }
            #expect(try TestSocket.unix(path).ask() == "two hello")
            #expect(supervisor.listeners(at: path) == listener)
            #expect(try TestSocket.unix(path).ask("end") == "two end")
            try supervisor.waitForService("app", "watched") { $0.listeners[0].state == "listening" }
        }
    }

    @Test("a socket that a wait handler has is its until it ends; then whoever has the endpoint now serves it")
    func formerHandler() throws {
        let directory = try TemporaryDirectory()
        let program = try server(in: directory)
        let path = directory.path("s.sock")
        let old = "services: {app: {listen: \"\(path)\", wait: true, exec: [/usr/bin/python3, \(program), wait]}}"
        let new = [
            "services: {app: {listen: \"\(path)\", exec: /bin/cat}}",
            "services: {other: {listen: \"\(path)\", exec: /bin/cat}}",
            """
            services:
              app: {listen: ["\(path)", "\(directory.path("t.sock"))"], wait: true, style: systemd,
                exec: [/usr/bin/python3, -c, "import os; os.dup2(3, 0); exec(open('\(program)').read())", cat]}
            """,
        ]
        for (round, table) in new.enumerated() {
            try withSupervisor(old, in: directory, leakCheck: false) { supervisor in
                let listener = supervisor.listeners(at: path)
                #expect(try TestSocket.unix(path).ask() == "wait hello")
                let pid = try supervisor.onlyHandler().pid
                let answer = try supervisor.reload(table)
                let notes = answer.notes + answer.changed.flatMap(\.notes)
                #expect(notes.count == 1 && notes[0].contains("its handler, pid \(pid), "), "\(notes)")
                let name = round == 1 ? "other" : "app"
                #expect(try supervisor.service(name).listeners[0].state == "waiting")
                #expect(try TestSocket.unix(path).ask() == "wait hello")
                #expect(try TestSocket.unix(path).ask("end") == "wait end")
                try supervisor.waitForService(name, "served") { $0.listeners[0].state == "listening" }
                let after = try TestSocket.unix(path).ask()
                #expect(after == (round == 2 ? "cat hello" : "hello"))
                #expect(supervisor.listeners(at: path) == listener)
                if round == 1 { #expect(try eventually { try supervisor.status().services.count == 1 }) }
                if round == 2 { #expect(try TestSocket.unix(path).ask("end") == "cat end") }
            }
        }
    }

    @Test("a child that keeps the socket and makes it blocking does not make the supervisor wait in accept")
    func keptCopyMadeBlocking() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("s.sock")
        // The child outlives its parent, and turns O_NONBLOCK off when it is told to.
        let program = try directory.write(
            "keeper.py",
            """
            import os, socket
            told, tell = os.pipe()
            listener = socket.socket(fileno=0)
            connection, _ = listener.accept()
            line = connection.makefile().readline()
            keeper = os.fork()
            if keeper == 0:
                os.setsid()
                control = socket.socket(socket.AF_UNIX)
                control.bind('\(directory.path("keeper.sock"))')
                control.listen()
                os.write(tell, b'.')
                for _ in range(2):
                    order, _ = control.accept()
                    order.makefile().readline()
                    os.set_blocking(0, True)
                    order.sendall(b'blocking\\n')
                os._exit(0)
            os.read(told, 1)
            connection.sendall(line.encode())
            """)
        let old = "services: {app: {listen: \"\(path)\", wait: true, exec: [/usr/bin/python3, \(program)]}}"
        try withSupervisor(old, in: directory, leakCheck: false) { supervisor in
            #expect(try TestSocket.unix(path).ask() == "hello")
            try supervisor.waitForService("app", "ended") { $0.handlers.isEmpty && $0.connections.active == 0 }
            try supervisor.reload("services: {app: {listen: \"\(path)\", exec: /bin/cat}}")
            for _ in 0..<2 {
                #expect(try TestSocket.unix(directory.path("keeper.sock")).ask() == "blocking")
                #expect(try TestSocket.unix(path).ask() == "hello")
                #expect(try supervisor.baton("status").status == .exited(0))
            }
        }
    }

    @Test("a removed wait service's handler keeps the socket, which is said, and baton stop ends it")
    func removedWaitHandler() throws {
        let directory = try TemporaryDirectory()
        let program = try server(in: directory)
        let path = directory.path("s.sock")
        let other = "echo: {listen: \"127.0.0.1:0\", internal: echo}"
        let app = "app: {listen: \"\(path)\", wait: true, exec: [/usr/bin/python3, \(program), wait]}"
        try withSupervisor("services: {\(other)}", in: directory) { supervisor in
            try supervisor.reload("services: {\(other), \(app)}")
            #expect(try TestSocket.unix(path).ask() == "wait hello")
            let pid = try supervisor.onlyHandler().pid
            let answer = try supervisor.reload("services: {\(other)}")
            #expect(
                answer.notes == [
                    "app: its handler, pid \(pid), keeps the socket until it ends; baton stop app ends it"
                ])
            #expect(try supervisor.service("app").state == "draining")
            #expect(try supervisor.baton("stop", "app", "--drain", "0s").status == .exited(0))
            #expect(try eventually { try supervisor.status().services.map(\.name) == ["echo"] })
        }
    }
}
