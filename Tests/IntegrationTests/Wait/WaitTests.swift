import Glibc
import TestSupport
import Testing

/// `wait: true`: the handler gets the listening or datagram socket itself.
@Suite struct WaitTests {
    /// A handler that answers `count` datagrams or connections on descriptor 0 and exits.
    private func server(in directory: TemporaryDirectory) throws -> String {
        try directory.write(
            "server.py",
            """
            import os, socket, sys
            count = int(sys.argv[1])
            listener = socket.socket(fileno=0)
            for _ in range(count):
                if listener.type == socket.SOCK_DGRAM:
                    data, peer = listener.recvfrom(65536)
                    listener.sendto(b'%d ' % os.getpid() + data, peer)
                else:
                    connection, _ = listener.accept()
                    connection.sendall(b'%d\\n' % os.getpid())
                    connection.close()
            """)
    }

    @Test("a stream handler accepts for itself, and a new one starts with the next client after it exits")
    func streamWait() throws {
        let directory = try TemporaryDirectory()
        let table = """
            services:
              pair:
                listen: "127.0.0.1:0"
                wait: true
                exec: [/usr/bin/python3, \(try server(in: directory)), "2"]
            """
        try withSupervisor(table, in: directory) { supervisor in
            let port = try supervisor.port("pair")
            let first = try (0..<2).map { _ in try TestSocket.tcp(port: port).receiveText() }
            let second = try (0..<2).map { _ in try TestSocket.tcp(port: port).receiveText() }
            #expect(first[0] == first[1], "one process serves two clients")
            #expect(second[0] == second[1])
            #expect(first[0] != second[0], "then another")
            try supervisor.waitForService("pair", "watched again") { $0.listeners[0].state == "listening" }
            #expect(try supervisor.service("pair").connections.spawned == 2)
        }
    }

    @Test("regression: a stream handler that exits well and accepts nobody keeps failing")
    func acceptsNobody() throws {
        let table = """
            services:
              nobody:
                listen: "127.0.0.1:0"
                wait: true
                exec: [/bin/true]
                trigger_limit: {burst: 3, interval: 60s}
            """
        try withSupervisor(table) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("nobody"))
            let service = try supervisor.waitForService("nobody", "limited") { $0.state == "limited" }
            // Of the first it is not looked at.
            #expect(service.connections.spawned == 4)
            client.close()
        }
    }

    /// Twenty of them in two seconds were taken for failing ones.
    @Test("regression: a stream handler that takes one client and exits well does not fail, however many wait")
    func takesOneEach() throws {
        let table = """
            services:
              one:
                listen: "127.0.0.1:0"
                wait: true
                exec: [/usr/bin/python3, -ISc, "import socket; socket.socket(fileno=0).accept()[0].send(b'x')"]
                trigger_limit: {burst: 2, interval: 60s}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("one")
            let together = try (0..<8).map { _ in try TestSocket.tcp(port: port) }
            for client in together { #expect(try client.receiveText() == "x") }
            // Each of these is there before the handler of the one before has ended.
            for _ in 0..<8 { #expect(try TestSocket.tcp(port: port).receiveText() == "x") }
            #expect(try supervisor.service("one").state != "limited")
        }
    }

    @Test("while a handler has the socket its listener is waiting, and the socket is a blocking one")
    func listenerWaits() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write(
            "server.py",
            """
            import fcntl, os, socket
            listener = socket.socket(fileno=0)
            blocking = fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK == 0
            connection, _ = listener.accept()
            connection.sendall(b'%d\\n' % blocking)
            connection.recv(1)
            # The next handler must find a blocking socket whatever this one leaves behind.
            fcntl.fcntl(0, fcntl.F_SETFL, os.O_NONBLOCK)
            """)
        let table = """
            services: {one: {listen: "127.0.0.1:0", wait: true, exec: [/usr/bin/python3, \(program)]}}
            """
        try withSupervisor(table, in: directory) { supervisor in
            for _ in 0..<2 {
                let client = try TestSocket.tcp(port: supervisor.port("one"))
                #expect(try client.receiveLine() == "1")
                #expect(try supervisor.service("one").listeners[0].state == "waiting")
                try client.send("x")
                #expect(try client.receiveToEnd().isEmpty)
                try supervisor.waitForService("one", "watched again") { $0.listeners[0].state == "listening" }
            }
        }
    }

    @Test("a datagram handler gets every datagram that came while another ran: none is lost")
    func datagramWait() throws {
        let directory = try TemporaryDirectory()
        let table = """
            services:
              answer:
                listen: "udp://127.0.0.1:0"
                wait: true
                exec: [/usr/bin/python3, \(try server(in: directory)), "1"]
                trigger_limit: {burst: unlimited, interval: 2s, backoff: {first: 1s, longest: 30s}}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let clients = try (0..<6).map { _ in try TestSocket.udp(port: supervisor.port("answer")) }
            for (number, client) in clients.enumerated() { try client.send("question \(number)") }
            for (number, client) in clients.enumerated() {
                let answer = String(decoding: try client.receive(), as: UTF8.self)
                #expect(answer.hasSuffix(" question \(number)"))
            }
            try supervisor.waitForService("answer", "six handlers") { $0.connections.spawned == 6 }
            try supervisor.waitForService("answer", "watched again") { $0.listeners[0].state == "listening" }
        }
    }

    @Test("a handler that leaves its datagram unread is started burst times, then that datagram alone is eaten")
    func unreadDatagram() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write(
            "picky.py",
            """
            import socket
            listener = socket.socket(fileno=0)
            data, peer = listener.recvfrom(100, socket.MSG_PEEK)
            if data != b'poison':
                listener.recvfrom(100)
                listener.sendto(b'fine', peer)
            """)
        let table = """
            services:
              picky:
                listen: "udp://127.0.0.1:0"
                wait: true
                exec: [/usr/bin/python3, \(program)]
                trigger_limit: {burst: 3, interval: 20s, backoff: {first: 100ms, longest: 1s}}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let poisoner = try TestSocket.udp(port: supervisor.port("picky"))
            try poisoner.send("poison")
            let client = try TestSocket.udp(port: supervisor.port("picky"))
            try client.send("question")
            #expect(try client.receive() == Array("fine".utf8), "the datagram behind the eaten one is answered")
            let service = try supervisor.waitForService("picky", "watched again") {
                $0.listeners[0].state == "listening"
            }
            #expect(service.connections.dropped["trigger"] == 1)
            #expect(service.connections.spawned == 4, "three in vain, one for the question")
        }
    }

    @Test("of a stream nothing is eaten: after the pause the waiting client is served")
    func failingStreamHandler() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write(
            "moody.py",
            """
            import os, socket, sys
            if not os.path.exists(sys.argv[1]):
                sys.exit(1)
            connection, _ = socket.socket(fileno=0).accept()
            connection.sendall(b'at last')
            """)
        let table = """
            services:
              moody:
                listen: "127.0.0.1:0"
                wait: true
                exec: [/usr/bin/python3, \(program), \(directory.path("cured"))]
                trigger_limit: {burst: 3, interval: 20s, backoff: {first: 200ms, longest: 400ms}}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("moody"))
            try supervisor.waitForService("moody", "paused") { $0.listeners[0].state == "paused" }
            try directory.write("cured", "")
            #expect(try client.receiveText() == "at last")
            try supervisor.waitForService("moody", "watched again") { $0.listeners[0].state == "listening" }
        }
    }

    @Test("style systemd: one process gets all the service's listeners, named, in table order")
    func systemdListeners() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write(
            "listeners.py",
            """
            import os, select, socket
            count = int(os.environ['LISTEN_FDS'])
            assert os.environ['LISTEN_PID'] == str(os.getpid())
            sockets = [socket.socket(fileno=3 + i) for i in range(count)]
            ready, _, _ = select.select(sockets, [], [])
            names = os.environ['LISTEN_FDNAMES']
            kinds = ' '.join(f'{s.family.name}/{s.type.name}' for s in sockets)
            connection, _ = ready[0].accept()
            connection.sendall(f'{names} {kinds} {sockets.index(ready[0])}'.encode())
            """)
        let table = """
            services:
              many:
                listen:
                  - {address: "127.0.0.1:0", name: web}
                  - {address: \(directory.path("many.sock")), name: local}
                  - {address: "udp://127.0.0.1:0", name: datagrams}
                wait: true
                style: systemd
                exec: [/usr/bin/python3, \(program)]
            """
        try withSupervisor(table, in: directory) { supervisor in
            let kinds = "AF_INET/SOCK_STREAM AF_UNIX/SOCK_STREAM AF_INET/SOCK_DGRAM"
            let local = try TestSocket.unix(directory.path("many.sock"))
            #expect(try local.receiveText() == "web:local:datagrams \(kinds) 1")
            let web = try TestSocket.tcp(port: supervisor.port("many"))
            #expect(try web.receiveText() == "web:local:datagrams \(kinds) 0")
            try supervisor.waitForService("many", "watched again") { service in
                service.listeners.allSatisfy { $0.state == "listening" }
            }
        }
    }

    @Test("a listener that a handler shut down is bound anew at the same port")
    func shutDownListener() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write(
            "rude.py",
            """
            import socket
            listener = socket.socket(fileno=0)
            connection, _ = listener.accept()
            connection.sendall(b'bye')
            listener.shutdown(socket.SHUT_RDWR)
            """)
        let table = "services: {rude: {listen: '127.0.0.1:0', wait: true, exec: [/usr/bin/python3, \(program)]}}"
        try withSupervisor(table, in: directory) { supervisor in
            let port = try supervisor.port("rude")
            for _ in 0..<3 {
                #expect(try TestSocket.tcp(port: port).receiveText() == "bye")
                try supervisor.waitForService("rude", "bound anew") { $0.listeners[0].state == "listening" }
                #expect(try supervisor.port("rude") == port)
            }
        }
    }
}
