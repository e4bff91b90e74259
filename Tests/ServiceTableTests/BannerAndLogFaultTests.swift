import Testing

@testable import ServiceTable

@Suite("banner and log_on")
struct BannerAndLogFaultTests {
    @Test("a banner is the text, or what the file holds when the table is read")
    func banner() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("issue", "from a file\n")
        #expect(try service("{listen: 1, internal: echo, banner: \"hello\\r\\n\"}").banner == Array("hello\r\n".utf8))
        #expect(try service("{listen: 1, internal: echo, banner: \(file)}").banner == Array("from a file\n".utf8))
        #expect(try service("{listen: 1, internal: echo}").banner.isEmpty)
        // Read on another machine, it need not be there.
        #expect(try service("{listen: 1, internal: echo, banner: /nonexistent}").banner.isEmpty)
    }

    @Test("log_on is what it lists; an empty list is no line at all")
    func logOn() throws {
        #expect(try service("{listen: 1, internal: echo, log_on: [exit, traffic]}").logOn == [.exit, .traffic])
        #expect(try service("{listen: 1, internal: echo, log_on: []}").logOn == [])
        #expect(try service("{listen: 1, internal: echo}").logOn == nil)
    }

    @Test("what cannot be is said")
    func faults() throws {
        let directory = try TemporaryDirectory()
        let long = try directory.write("long", String(repeating: "x", count: 16_385))
        for (keys, message) in [
            (
                "internal: echo, banner: /nonexistent/file",
                "/nonexistent/file cannot be read: No such file or directory"
            ),
            ("internal: echo, banner: \(directory.path)", "is no regular file"),
            ("internal: echo, banner: \(long)", "a banner has at most 16384 bytes"),
            ("internal: echo, banner: ''", "text, or the absolute path of a file that holds it, not \"\""),
            ("internal: echo, log_on: [strat]", "did you mean start?"),
            ("exec: /bin/cat, wait: true, banner: hi", "there is no connection to send a banner on"),
            ("exec: /bin/cat, log_on: [exit, traffic]", "the bytes of others do not pass through Baton"),
        ] {
            let found = serviceFaults("{listen: 1, \(keys)}", resolving: true)
            #expect(found.count == 1 && found.first?.contains(message) == true, "\(keys): \(found)")
        }
    }

    @Test("defaults may say what only some of the services can do")
    func defaults() {
        let text = """
            defaults: {banner: hi, log_on: [exit, traffic]}
            services: {s: {listen: 1, exec: /bin/cat, wait: true}, t: {listen: 2, internal: echo}}
            """
        #expect(ServiceTableTests.faults(text).isEmpty)
    }
}
