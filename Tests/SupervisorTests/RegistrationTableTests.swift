import LinuxSystem
import SystemPackage
import Testing

@testable import Supervisor

@Suite struct RegistrationTableTests {
    private final class Source: EventSource {
        func ready(_ interest: Epoll.Interest) {}
    }

    private func add(_ source: Source, isFirst: Bool = false, to table: inout RegistrationTable) throws
        -> RegistrationID
    {
        try table.add(source, FileDescriptor(rawValue: 3), .readable, isFirst: isFirst) { _ in }
    }

    @Test("a place is used again, and a number never: what was forgotten is not found")
    func places() throws {
        var table = RegistrationTable()
        let (one, two) = (Source(), Source())
        let first = try add(one, to: &table)
        let second = try add(two, isFirst: true, to: &table)
        #expect(!first.isFirst && second.isFirst)
        #expect(table.source(of: first) === one && table.source(of: second) === two)
        #expect(table.remove(first) != nil && table.remove(first) == nil)
        let third = try add(two, to: &table)
        #expect(third != first && table.source(of: first) == nil && table.source(of: third) === two)
        table.change(first, to: .writable)
        #expect(table[third]?.interest == .readable)
        table.change(third, to: .writable)
        #expect(table[third]?.interest == .writable)
    }

    @Test("what the kernel does not take leaves nothing")
    func refused() throws {
        var table = RegistrationTable()
        var refused: RegistrationID?
        #expect(throws: Errno.noMemory) {
            _ = try table.add(Source(), FileDescriptor(rawValue: 3), .readable, isFirst: false) { id throws(Errno) in
                refused = id
                throw .noMemory
            }
        }
        let next = try add(Source(), to: &table)
        #expect(table.source(of: try #require(refused)) == nil && next != refused)
    }
}
