import Testing

@testable import ServiceTable

/// Copies of a service have what it says in common.
@Suite struct SharedTests {
    private static let text = """
        services:
          a: {listen: 1, exec: /bin/cat, env: {A: "1"}, per_source: 3}
          b: {listen: 2, exec: /bin/cat, env: {A: "1"}, per_source: 3}
          c: {listen: 3, handoff: {capacity: 7}, socket: {backlog: 9}}
          d: {listen: 4, handoff: {capacity: 7}, socket: {backlog: 9}}
        """

    @Test("a copy that is changed leaves the others as they were")
    func copies() throws {
        let one = try service("{listen: 1, exec: /bin/cat}")
        var other = one
        other.wait = true
        other.process.umask = 0
        other.endpoints[0].options.backlog = 1
        #expect(!one.wait && one.process.umask == 0o022 && one.endpoints[0].options.backlog == 4096)
        #expect(other != one)
        (other.wait, other.process, other.endpoints) = (one.wait, one.process, one.endpoints)
        #expect(other == one)
    }

    @Test("what services have in common is theirs, whatever becomes of another one")
    func decoded() throws {
        let read = load(Self.text)
        let table = try #require(LoadedTable(decoding: read.encoded()).table)
        #expect(table == read.table)
        var changed = table
        changed.services[0].process.environment = []
        changed.services[0].admission.perSource = nil
        changed.services[2].endpoints[0].options.backlog = 1
        changed.services[2].dispatch = .internal(.echo)
        #expect(changed.services[1] == table.services[1] && changed.services[3] == table.services[3])
        #expect(changed.services[1].process.environment.count == 1 && changed.services[3].handoff?.capacity == 7)
    }

    @Test("what a service says like the one before crosses once")
    func bytes() throws {
        func size(_ services: Int) throws -> Int {
            let lines = (1...services).map { "  s\($0): {listen: \($0), handoff: {exec: /bin/cat}, env: {A: b}}\n" }
            let read = load("services:\n" + lines.joined())
            let bytes = read.encoded()
            #expect(try LoadedTable(decoding: bytes) == read)
            return bytes.count
        }
        #expect(try size(9) - size(8) < size(1) / 3)
    }

    @Test("a table that is merged with the one before says what it said")
    func merged() throws {
        let before = try #require(load(Self.text).table)
        let new = load(Self.text.replacing("per_source: 3}", with: "per_source: 4}").replacing("d:", with: "e:"))
        var merged = try #require(new.table)
        merged.merge(with: before)
        #expect(merged == new.table)
        let difference = ServiceTableDifference(from: before, to: merged)
        #expect(difference.services.map(\.kind) == [.changed, .changed, .unchanged, .added, .removed])
        #expect(difference.services.map(\.isSame) == [false, false, true, false, false])
        #expect(difference.services[2].origins == [ListenerPlace(service: "c", index: 0)])
        // What was d's listener goes on as that of e.
        #expect(difference.services[3].origins == [ListenerPlace(service: "d", index: 0)])
    }
}
