import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import ServiceTable
@testable import Supervisor

/// Limits of the monitor that a worker of a test does not reach.
extension HostileWorkerTests {
    @Test("a worker of before an upgrade is answered in the version that it speaks", arguments: 1...4)
    func workerVersion(written: Int) throws {
        var worker = SavedWorker(pid: 7, version: 2)
        var writer = FieldCoder(version: written)
        worker.code(with: &writer)
        var reader = FieldCoder(reading: writer.bytes)
        reader.version = written
        var read = SavedWorker()
        read.code(with: &reader)
        reader.expectEnd()
        #expect(reader.failure == nil && read.pid == 7)
        #expect(read.version == (written < 4 ? written : 2))
    }

    @Test("so many numbers are kept and no more; those that are kept can still be replaced")
    func mostKept() throws {
        let kept = KeptDescriptors(most: 2)
        let socket = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        let copy = { DescriptorBox(try FileDescriptor(rawValue: socket.descriptor).duplicate()) }
        #expect(try [1, 2, 3, 2, 1].map { kept.keep([try copy()], $0) } == [nil, nil, .tooManyOpenFiles, nil, nil])
        #expect(socket.copies == 3)
        kept.giveUpAll()
        #expect(socket.copies == 1)
    }

    @Test("a group whose leader is gone is the worker's when a child is in it, but not the one that the monitor is in")
    func leaderless() throws {
        let output = try Socket.pair(.stream)
        // The first shell leads the group and ends; the second is in it, and its child.
        let leader = try TestProcess(
            "setsid", ["sh", "-c", "sh -c 'sleep 1000 & echo $!; wait' & exit"],
            descriptors: [0, output.theirs.rawValue, 2])
        let end = TestSocket(adopting: try check("dup") { dup(output.ours.rawValue) })
        let pid = try #require(Int32(try end.receiveLine()))
        defer { kill(-leader.pid, SIGKILL) }
        try leader.wait()
        let parent = try #require(ProcessView(pid: pid).parent)
        #expect(Lineage(parents: [parent]).isGroup(leader.pid))
        #expect(Lineage(parents: [parent]).isChild(pid))
        #expect(!Lineage(parents: [parent], ownGroup: leader.pid).isGroup(leader.pid))
        #expect(!Lineage(parents: [parent], ownGroup: leader.pid).isChild(pid))
        #expect(!Lineage(parents: [getpid()]).isGroup(leader.pid))
    }
}
