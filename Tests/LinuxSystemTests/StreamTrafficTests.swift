import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Whether a TCP connection was touched (handoff.md, promise 2), against everything that may look like it.
@Suite struct StreamTrafficTests {
    /// A connection on the loopback address.
    private struct Connection {
        let client: TestSocket
        let server: TestSocket

        init(receiveBuffer: Int32? = nil) throws {
            let listener = try TestSocket.bound()
            try listener.listen()
            client = try TestSocket(family: AF_INET, type: TestSocket.stream)
            if let receiveBuffer { try client.setOption(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
            try client.connect(to: SocketName(host: "127.0.0.1", port: listener.localPort))
            server = try listener.accept()
        }

        var descriptor: FileDescriptor { FileDescriptor(rawValue: server.descriptor) }
        var isUntouched: Bool { StreamTraffic.untouched.isUnchanged(on: descriptor) }

        /// The client's bytes have arrived.
        func awaitInput(_ count: Int) throws {
            guard eventually({ (try? Socket.inputQueue(descriptor)) == count }) else {
                throw TestFailure("\(count) bytes did not arrive")
            }
        }
    }

    private static let tcpNoDelay = Int32(1), tcpCork = Int32(3)

    @Test("fresh, with input that waits, and with the client's end: untouched")
    func input() throws {
        let connection = try Connection()
        #expect(connection.isUntouched)
        try connection.client.send("hello")
        try connection.awaitInput(5)
        #expect(connection.isUntouched)
        try connection.client.finishSending()
        #expect(eventually { connection.descriptor.endsReading })
        #expect(connection.isUntouched)
        let empty = try Connection()
        try empty.client.finishSending()
        #expect(eventually { empty.descriptor.endsReading })
        #expect(empty.isUntouched)
    }

    @Test("peeked at, by any number of bytes and with any low-water mark: untouched")
    func peeked() throws {
        let connection = try Connection()
        try connection.client.send("hello")
        try connection.awaitInput(5)
        var byte: UInt8 = 0
        #expect(recv(connection.server.descriptor, &byte, 1, Int32(MSG_PEEK)) == 1)
        try connection.server.setOption(SOL_SOCKET, SO_RCVLOWAT, Int32(4))
        #expect(connection.isUntouched)
    }

    @Test("a byte read, before or after the client's end: touched")
    func read() throws {
        let connection = try Connection()
        try connection.client.send("hello")
        #expect(try connection.server.receive(exactly: 1).count == 1)
        #expect(!connection.isUntouched)
        let finished = try Connection()
        try finished.client.send("x")
        try finished.client.finishSending()
        #expect(try finished.server.receiveToEnd().count == 1)
        #expect(!finished.isUntouched)
    }

    @Test("reading the client's end alone takes nothing from it: untouched")
    func endRead() throws {
        let connection = try Connection()
        try connection.client.finishSending()
        #expect(try connection.server.receive().isEmpty)
        #expect(connection.isUntouched)
    }

    @Test("written and received by the client: touched")
    func written() throws {
        let connection = try Connection()
        try connection.server.send("x")
        #expect(try connection.client.receive(exactly: 1).count == 1)
        #expect(!connection.isUntouched)
    }

    @Test("corked, so that nothing was sent: touched")
    func corked() throws {
        let connection = try Connection()
        try connection.server.setOption(Int32(IPPROTO_TCP), Self.tcpCork, Int32(1))
        try connection.server.send("x")
        #expect(!connection.client.isReadable(within: 0.02))
        #expect(!connection.isUntouched)
    }

    @Test("written into a closed window, and with that window full: touched, and never again untouched")
    func zeroWindow() throws {
        let connection = try Connection(receiveBuffer: 2048)
        #expect(connection.isUntouched)
        #expect(fcntl(connection.server.descriptor, F_SETFL, O_NONBLOCK) == 0)
        let chunk = [UInt8](repeating: 1, count: 4096)
        while send(connection.server.descriptor, chunk, chunk.count, Int32(MSG_NOSIGNAL)) > 0 {}
        #expect(!connection.isUntouched)
        // The client reads all of it, so that nothing is in flight any more.
        let client = connection.client
        _ = try eventually {
            while client.isReadable(within: 0) { _ = try client.receive() }
            return try Socket.outputQueue(connection.descriptor) == 0
        }
        #expect(!connection.isUntouched)
    }

    @Test("a client that sends more than the window takes: untouched")
    func fullWindow() throws {
        let connection = try Connection()
        #expect(fcntl(connection.client.descriptor, F_SETFL, O_NONBLOCK) == 0)
        let chunk = [UInt8](repeating: 1, count: 65536)
        var sent = 0
        while true {
            let count = send(connection.client.descriptor, chunk, chunk.count, Int32(MSG_NOSIGNAL))
            if count <= 0 { break }
            sent += count
        }
        #expect(sent > 100_000)
        #expect(eventually { connection.isUntouched })
    }

    @Test("half-closed here, in either direction: touched")
    func halfClosed() throws {
        for how in [SHUT_WR, SHUT_RD, SHUT_RDWR] {
            let connection = try Connection()
            #expect(shutdown(connection.server.descriptor, Int32(how)) == 0)
            #expect(!connection.isUntouched, "shutdown \(how)")
        }
    }

    @Test("reset by the client: nobody can serve it")
    func reset() throws {
        let connection = try Connection()
        try connection.client.reset()
        #expect(eventually { !connection.isUntouched })
    }

    @Test("urgent data that waits may look touched, but a byte of it read never looks untouched")
    func urgent() throws {
        let connection = try Connection()
        try connection.client.send("ab")
        #expect(Glibc.send(connection.client.descriptor, "c", 1, Int32(MSG_OOB)) == 1)
        #expect(try connection.server.receive(exactly: 1).count == 1)
        #expect(!connection.isUntouched)
    }

    @Test("what Baton itself has moved before the dispatch does not count")
    func moved() throws {
        let connection = try Connection()
        try connection.client.send("HEADER body")
        #expect(try connection.server.receive(exactly: 7).count == 7)
        try connection.server.send("banner")
        let before = try #require(StreamTraffic(of: connection.descriptor))
        #expect(before.isUnchanged(on: connection.descriptor))
        #expect(try connection.client.receive(exactly: 6).count == 6)
        try connection.client.send(", more")
        try connection.awaitInput(10)
        #expect(before.isUnchanged(on: connection.descriptor))
        #expect(try connection.server.receive(exactly: 1).count == 1)
        #expect(!before.isUnchanged(on: connection.descriptor))
    }

    @Test("while the client goes on sending, an untouched one is not taken for touched")
    func busyClient() throws {
        let connection = try Connection()
        let client = connection.client.descriptor
        let sender = Threads(1) { _ in
            let byte: [UInt8] = [1]
            for _ in 0..<20_000 { _ = Glibc.send(client, byte, 1, Int32(MSG_NOSIGNAL)) }
        }
        var wrong = 0
        for _ in 0..<2_000 where !connection.isUntouched { wrong += 1 }
        try sender.join()
        #expect(wrong == 0)
        #expect(connection.isUntouched)
    }
}
