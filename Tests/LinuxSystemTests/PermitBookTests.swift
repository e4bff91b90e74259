import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// The file of permits, and the launchers' look at it.
@Suite struct PermitBookTests {
    private static func plan(_ argument: String) -> SpawnPlan {
        SpawnPlan(path: "/bin/echo", arguments: ["echo", argument], descriptors: [])
    }

    /// Whether the book has `plan` under `number`, seen through a descriptor as a launcher has it.
    private static func allows(_ plan: SpawnPlan, _ number: UInt32, in permits: inout Permits) throws -> Bool {
        var bytes: [UInt8] = []
        try LaunchJob.encode(spawn: plan, number: 1, into: &bytes)
        guard let job = LaunchJob.decode(bytes, count: bytes.count), case .spawn(let image, _) = job.task else {
            throw TestFailure("unreadable")
        }
        return permits.allow(image, as: number, in: bytes, from: job.imageStart, to: bytes.count)
    }

    @Test("the same template has the same number, another another one, and launchers see those that came later")
    func numbers() throws {
        var book = try PermitBook()
        var permits = Permits(try book.readOnly())
        let first = try book.add(Self.plan("a"))
        #expect(first != 0)
        #expect(try Self.allows(Self.plan("a"), first, in: &permits))
        let second = try book.add(Self.plan("b"))
        #expect(try book.add(Self.plan("a")) == first)
        #expect(try book.add(Self.plan("b")) == second && second != first)
        #expect(try Self.allows(Self.plan("b"), second, in: &permits))
        #expect(try !Self.allows(Self.plan("b"), first, in: &permits))
        #expect(try !Self.allows(Self.plan("a"), second, in: &permits))
    }

    @Test("a number that was never given is no permit, wherever it leads")
    func unknown() throws {
        // A text that looks like the beginning of a book.
        var book = try PermitBook()
        let plan = Self.plan("a")
        _ = try book.add(plan)
        _ = try book.add(Self.plan(String(repeating: "\u{10}\u{8}", count: 10_000)))
        var permits = Permits(try book.readOnly())
        for number in [0, 3, 4, 1 << 19 - 1, 1 << 19, 1 << 19 + 1, .max] as [UInt32] {
            #expect(try !Self.allows(plan, number, in: &permits), "\(number)")
        }
    }

    @Test("a launcher's descriptor cannot be written through, nor opened anew to write by another user")
    func readOnly() throws {
        var book = try PermitBook()
        let number = try book.add(Self.plan("a"))
        let file = try book.readOnly()
        #expect(write(file.rawValue, "x", 1) == -1 && errno == EBADF)
        #expect(ftruncate(file.rawValue, 0) == -1)
        var status = stat()
        try check("fstat") { fstat(file.rawValue, &status) }
        #expect(status.st_mode & 0o777 == 0o400)
        #expect(status.st_uid == getuid())
        #expect(fcntl(file.rawValue, F_GETFL) & O_ACCMODE == O_RDONLY)
        if getuid() == 0 { #expect(try Self.opensAsNobody(file.rawValue) == EACCES) }
        var permits = Permits(file)
        #expect(try Self.allows(Self.plan("a"), number, in: &permits))
    }

    /// The errno of opening a descriptor anew to write, without any rights; 0 when it went well.
    private static func opensAsNobody(_ descriptor: Int32) throws -> Int32 {
        let script = """
            import os, sys
            os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
            try: os.open('/proc/self/fd/3', os.O_RDWR)
            except OSError as error: sys.exit(error.errno)
            """
        let outcome = Spawn.start(
            SpawnPlan(
                path: "/usr/bin/python3", arguments: ["python3", "-c", script],
                descriptors: [.null, .null, .null, .passed(0)]),
            passing: [FileDescriptor(rawValue: descriptor)], report: try SpawnReportPage())
        guard case .running(let pid) = outcome else { throw TestFailure("\(outcome)") }
        var status: Int32 = 0
        try check("waitpid") { waitpid(pid, &status, 0) }
        return status >> 8 & 0xff
    }

    @Test("a full book says so, and keeps what it has")
    func bounded() throws {
        var book = try PermitBook(mostBytes: 200)
        var permits = Permits(try book.readOnly())
        let first = try book.add(Self.plan("a"))
        let failure = #expect(throws: Errno.self) {
            for number in 0..<10 { _ = try book.add(Self.plan("\(number)")) }
        }
        #expect(failure == .noSpace)
        #expect(try book.add(Self.plan("a")) == first)
        #expect(try Self.allows(Self.plan("a"), first, in: &permits))
        #expect(try Self.allows(Self.plan("0"), first + 1, in: &permits))
    }

    @Test("a plan that cannot be started gets no permit")
    func broken() throws {
        var book = try PermitBook()
        let failure = #expect(throws: Errno.self) { _ = try book.add(Self.plan("a\0b")) }
        #expect(failure == .invalidArgument)
    }

    @Test("the book goes on in another program: the same numbers, and new ones behind them")
    func adopted() throws {
        var book = try PermitBook()
        let numbers = try ["a", "b", "c"].map { try book.add(Self.plan($0)) }
        var permits = Permits(try book.readOnly())
        var next = try PermitBook(adopting: book.borrowed.duplicate())
        #expect(try ["a", "b", "c"].map { try next.add(Self.plan($0)) } == numbers)
        let further = try next.add(Self.plan("d"))
        #expect(!numbers.contains(further))
        #expect(try Self.allows(Self.plan("d"), further, in: &permits))
        #expect(try Self.allows(Self.plan("a"), numbers[0], in: &permits))
    }

    @Test("a launcher forgets permits that are many, and reads them again")
    func many() throws {
        var book = try PermitBook()
        var permits = Permits(try book.readOnly())
        let long = String(repeating: "x", count: 150_000)
        let numbers = try (0..<100).map { try book.add(Self.plan("\($0)\(long)")) }
        for _ in 0..<2 {
            for (index, number) in numbers.enumerated() {
                #expect(try Self.allows(Self.plan("\(index)\(long)"), number, in: &permits))
            }
        }
    }
}
