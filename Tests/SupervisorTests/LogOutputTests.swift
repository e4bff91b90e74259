import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor

@Suite("The log's output")
struct LogOutputTests {
    /// Takes what it is told to.
    private final class Target: LogTarget {
        let name = "target"
        var descriptor: FileDescriptor?
        var written: [UInt8] = []
        var answers: [LogAttempt] = []
        private(set) var opened = 0
        /// What is opened anew is the same file.
        var isSame = false

        func open() -> Bool {
            opened += 1
            return isSame
        }

        func write(_ record: [UInt8], from start: Int) -> LogAttempt {
            let answer = answers.isEmpty ? .wrote(record.count - start) : answers.removeFirst()
            if case .wrote(let count) = answer { written += record[start..<(start + count)] }
            return answer
        }

        var text: String { String(decoding: written, as: UTF8.self) }
    }

    private let loop: EventLoop
    private let target = Target()
    private let output: LogOutput

    init() throws {
        loop = try EventLoop()
        output = LogOutput(target, loop: loop)
        output.caughtUp = { [output] count, why in output.write(Array("\(count) lost: \(why)\n".utf8)) }
    }

    private func write(_ text: String) { output.write(Array(text.utf8)) }

    /// Runs the loop until its timers have brought `isDone` about.
    private func run(until isDone: @escaping () -> Bool) throws {
        func look() {
            if isDone() { loop.stop() } else { _ = loop.schedule(after: .milliseconds(10), look) }
        }
        look()
        try loop.run()
    }

    @Test("a full disk: what was begun is finished where it stopped, and nothing is lost while there is room to wait")
    func fullDisk() throws {
        target.answers = [.wrote(3), .failed(.noSpace)]
        write("first\n")
        write("second\n")
        #expect(target.text == "fir")
        try run { target.text == "first\nsecond\n" }
        #expect(target.opened == 0)
    }

    @Test("opened anew while half a line is written: the same file gets the rest of it, another one the whole")
    func halfALine() throws {
        for isSame in [true, false] {
            target.written = []
            target.isSame = isSame
            target.answers = [.wrote(3), .failed(.noSpace)]
            write("first\n")
            #expect(target.text == "fir")
            try output.reopen()
            #expect(target.text == (isSame ? "first\n" : "firfirst\n"))
        }
    }

    @Test("a file that is opened anew is the same until it was moved away")
    func sameFile() throws {
        let directory = try TemporaryDirectory()
        let file = FileTarget(directory.path("log"))
        #expect(try !file.open())
        #expect(try file.open())
        try FileManager.default.moveItem(atPath: directory.path("log"), toPath: directory.path("log.1"))
        #expect(try !file.open())
    }

    @Test("a busy target that cannot be watched is tried again")
    func unwatchable() throws {
        // A regular file cannot be (EPERM).
        let file = try FileDescriptor.open("/etc/passwd", .readOnly)
        defer { try? file.close() }
        target.descriptor = file
        target.answers = [.busy]
        write("waited\n")
        #expect(target.text.isEmpty)
        try run { target.text == "waited\n" }
    }

    @Test("the rest of a line that another program began comes before all else, and not at once")
    func carriedOver() throws {
        output.resume(
            [SavedBytes(bytes: Array("st\n".utf8)), SavedBytes(bytes: Array("second\n".utf8))], dropped: 0, why: "")
        write("new\n")
        #expect(target.text.isEmpty)
        try run { !target.text.isEmpty }
        #expect(target.text == "st\nsecond\nnew\n")
    }

    @Test("lines that were dropped before an upgrade are told of after it")
    func droppedBefore() throws {
        target.answers = [.failed(.noSpace)]
        let line = String(repeating: "x", count: 1023) + "\n"
        for _ in 0..<300 { write(line) }
        #expect(output.dropped == 44 && output.whyDropped == "target: No space left on device")
        let nextTarget = Target()
        let next = LogOutput(nextTarget, loop: loop)
        next.caughtUp = { [next] in next.write(Array("\($0) lost: \($1)\n".utf8)) }
        next.resume(output.saved, dropped: output.dropped, why: output.whyDropped)
        try run { nextTarget.text.hasSuffix("\n44 lost: target: No space left on device\n") }
    }

    @Test("beyond 256 KiB lines are dropped; their number and the reason come when it goes on")
    func overflow() throws {
        target.answers = [.failed(.noSpace)]
        let line = String(repeating: "x", count: 1023) + "\n"
        for _ in 0..<300 { write(line) }
        #expect(target.written.isEmpty)
        try run { target.text.hasSuffix("\n44 lost: target: No space left on device\n") }
        #expect(target.written.count == 256 * 1024 + 41)
    }

    @Test("a closed reader: nothing waits for it, and nothing comes of it")
    func gone() {
        target.answers = [.gone]
        write("a\n")
        #expect(target.written.isEmpty)
        write("b\n")
        #expect(target.text == "b\n1 lost: target: nobody read it\n")
    }

    @Test("a record that no datagram can carry is dropped alone, and told")
    func tooLong() {
        target.answers = [.tooLong]
        write("a")
        #expect(target.text == "1 lost: target: longer than a datagram may be\n")
    }

    @Test("what waits for one target does not go to the next, whose form is another")
    func change() throws {
        target.answers = [.failed(.noSpace)]
        write("a\n")
        let next = Target()
        try output.go(to: next)
        write("b\n")
        #expect(target.written.isEmpty)
        #expect(next.text == "1 lost: the log went to target\nb\n")
    }
}
