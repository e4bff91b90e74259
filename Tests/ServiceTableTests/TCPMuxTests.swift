import Testing

@testable import ServiceTable

@Suite("tcpmux in the table")
struct TCPMuxTests {
    @Test("NAME and +NAME")
    func names() throws {
        let table = try #require(
            load(
                """
                services:
                  mux: {listen: 1, internal: tcpmux}
                  a: {exec: /bin/cat, tcpmux: alpha}
                  b: {internal: echo, tcpmux: +Beta}
                """
            ).table)
        #expect(table.services[0].dispatch == .tcpmux)
        #expect(table.services[1].tcpmux == TCPMuxName(name: "alpha", answers: false))
        #expect(table.services[2].tcpmux == TCPMuxName(name: "Beta", answers: true))
    }

    @Test("a name leads to one service, whatever its case and its +")
    func unique() {
        #expect(
            faults(
                """
                services:
                  mux: {listen: 1, internal: tcpmux}
                  a: {exec: /bin/cat, tcpmux: name}
                  b: {exec: /bin/cat, tcpmux: +NAME}
                  c: {exec: /bin/cat, tcpmux: name, enabled: false}
                """) == ["4:31: error: services.b.tcpmux: t:3 gives this name to a already"])
    }

    @Test("a name that nobody asks for is a warning")
    func unreachable() {
        #expect(
            serviceFaults("{exec: /bin/cat, tcpmux: x}") == [
                "1:40: warning: services.s.tcpmux: nothing reaches the service by this name: there is no internal: tcpmux"
            ])
    }
}
