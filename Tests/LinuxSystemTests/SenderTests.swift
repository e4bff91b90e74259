import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// The kernel's word on who has sent a datagram (SCM_CREDENTIALS, SCM_PIDFD).
@Suite struct SenderTests {
    @Test("a sender is its number's owner until it is collected; then the number may be another's")
    func collected() throws {
        let pair = try Socket.pair(.datagram)
        try Socket.set(.passCredentials, 1, on: pair.ours.borrowed)
        // Not before Linux 6.5.
        guard (try? Socket.set(.passProcess, 1, on: pair.ours.borrowed)) != nil else { return }
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let program = """
            import os, socket, time
            socket.socket(fileno=0).send(b'it is me')
            os.read(1, 1)
            """
        let gate = try Socket.pair(.stream)
        let process = try TestProcess(
            "/usr/bin/python3", ["-c", program],
            descriptors: [pair.theirs.rawValue, gate.theirs.rawValue, null])
        var bytes = [UInt8](repeating: 0, count: 64)
        let message = try DescriptorPassing.receive(
            into: &bytes, room: DescriptorPassing.mostDescriptors, withPID: true, on: pair.ours.borrowed, blocking: true
        )
        #expect(message.pid == process.pid)
        #expect(message.descriptors.isEmpty)
        guard let held = message.process?.take() else { throw TestFailure("no SCM_PIDFD") }
        let sender = ProcessDescriptor(adopting: held)
        let isCollectedBefore = sender.isCollected
        #expect(!isCollectedBefore)
        Socket.shutdown(gate.ours.borrowed)
        let hasEnded = eventually { sender.hasEnded }
        #expect(hasEnded)
        let isCollectedAtEnd = sender.isCollected
        #expect(!isCollectedAtEnd, "nobody else gets its number yet")
        try process.wait()
        let isCollected = sender.isCollected
        #expect(isCollected)
    }
}
