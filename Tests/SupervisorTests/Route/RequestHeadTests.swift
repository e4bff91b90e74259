import Testing

@testable import Supervisor

@Suite("The head of an HTTP request")
struct RequestHeadTests {
    private func read(_ text: String, fields: Bool = true) -> Sight<RequestHead> {
        RequestHead.read(Array(text.utf8), fields: fields)
    }

    private func head(_ method: String, _ path: String, _ host: String?) -> Sight<RequestHead> {
        .found(RequestHead(method: Array(method.utf8), path: Array(path.utf8), host: host.map { Array($0.utf8) }))
    }

    @Test(
        "what the request line and Host say",
        arguments: [
            ("GET /a?b HTTP/1.1\r\nAccept: x\r\nhOsT: \tExample.org:80 \r\n", "GET", "/a", "example.org"),
            ("GET / HTTP/1.1\nHost: x\n", "GET", "/", "x"),
            ("\r\nGET / HTTP/1.1\r\nHost:[::1]:80\r\n", "GET", "/", "::1"),
            ("PUT http://a.example:8080?q HTTP/1.1\r\n", "PUT", "/", "a.example"),
            ("PUT http://a.example/p/q HTTP/1.1\r\nHost: b\r\n", "PUT", "/p/q", "a.example"),
            ("CONNECT a.example:443 HTTP/1.1\r\n", "CONNECT", "", "a.example"),
            ("OPTIONS * HTTP/1.1\r\nHost: c\r\n", "OPTIONS", "*", "c"),
            ("GET / HTTP/1.0\r\n\r\n", "GET", "/", nil),
            ("PRI * HTTP/2.0\r\n", "PRI", "*", nil),
            ("GET http://a.example#f HTTP/1.1\r\n", "GET", "/", "a.example"),
            ("GET http://[::1]:80/ HTTP/1.1\r\n", "GET", "/", "::1"),
            ("GET / HTTP/1.1\r\nHo\u{212a}st: b\r\n\u{48}\u{4f}st: c\t\r\n", "GET", "/", "c"),
            ("GET / HTTP/1.1\r\nHost:\r\n", "GET", "/", ""),
        ] as [(String, String, String, String?)])
    func heads(_ text: String, _ method: String, _ path: String, _ host: String?) {
        #expect(read(text) == head(method, path, host))
    }

    @Test("every beginning of a request asks for more, and is asked for no byte too many")
    func beginnings() {
        let text = Array("POST /x HTTP/1.1\r\nHost: a\r\n".utf8)
        for count in 0..<text.count {
            #expect(RequestHead.read(Array(text[..<count]), fields: true) == .more(atLeast: count + 1))
        }
    }

    @Test("regression: an empty line before a request made it none when its two bytes came one by one")
    func emptyLineInPieces() {
        #expect(read("\r") == .more(atLeast: 2))
        #expect(read("\r\n") == .more(atLeast: 3))
        #expect(read("\rG") == .other)
    }

    @Test(
        "what is no request is known at once",
        arguments: [
            "get / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\u{16}\u{3}\u{1}", "GET /\r\n", "GET \u{1}", " / HTTP/1.1\r\n",
        ])
    func others(_ text: String) {
        #expect(read(text) == .other)
    }

    @Test(
        "regression: a user's name in front of the host, a host that is none, and it is no request to be routed",
        arguments: [
            "GET http://a.example@b.example/ HTTP/1.1\r\n", "GET http://u:p@b.example HTTP/1.1\r\n",
            "CONNECT u@b.example:443 HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: u@b.example\r\n",
            "GET / HTTP/1.1\r\nHost: a b.example\r\n", "GET / HTTP/1.1\r\nHost: [::1\r\n",
            "GET / HTTP/1.1\r\nHost: [::1]b.example\r\n",
        ])
    func deceivingHosts(_ text: String) {
        #expect(read(text) == .other)
    }

    @Test("a sign that is no part of the authority is none of a user's name")
    func signInPath() {
        #expect(read("GET http://b.example/u@x HTTP/1.1\r\n") == head("GET", "/u@x", "b.example"))
        #expect(read("GET http://b.example?u@x HTTP/1.1\r\n") == head("GET", "/", "b.example"))
    }

    @Test("without fields the request line decides")
    func lineOnly() {
        #expect(read("GET / HTTP/1.1\r\n", fields: false) == head("GET", "/", nil))
    }

    @Test("regression: a control character is refused in a whole request line as in a part of one")
    func controlCharacter() {
        let line = Array("GET /v1\u{1b} HTTP/1.1\r\n".utf8)
        #expect(RequestHead.read(Array(line.prefix(9)), fields: false) == .other)
        #expect(RequestHead.read(line, fields: false) == .other)
    }
}
