import ControlProtocol
import Testing

@testable import MetricsEndpoint

@Suite("the head of a request")
struct RequestHeadTests {
    /// What comes of `text` when it arrives in pieces of `size` bytes.
    private func read(_ text: String, inPiecesOf size: Int = .max) -> Result<RequestHead, HTTPStatus>? {
        var reader = RequestReader()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = rest.prefix(size)
            rest = rest.dropFirst(piece.count)
            do throws(HTTPStatus) {
                if let head = try reader.append(piece) { return .success(head) }
            } catch {
                return .failure(error)
            }
        }
        return nil
    }

    @Test("requests as they come", arguments: [1, 2, 3, 7, 8192])
    func sound(size: Int) throws {
        let metrics = RequestHead(method: "GET", path: "/metrics")
        for text in [
            "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "GET /metrics HTTP/1.0\r\n\r\n",
            "GET /metrics HTTP/1.1\nhost:x\n\n", "\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /metrics?a=b?c HTTP/1.1\r\nHost: x\r\nUser-Agent: ü\r\n\r\nGET /more HTTP/1.1\r\n",
            "GET http://x:9100/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            #expect(read(text, inPiecesOf: size) == .success(metrics), "\(text)")
        }
        let accept = "HEAD / HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\naccept: c/d\r\n\r\n"
        #expect(
            read(accept, inPiecesOf: size) == .success(RequestHead(method: "HEAD", path: "/", accept: " a/b, c/d")))
    }

    @Test("a head that is not complete is waited for")
    func incomplete() {
        for text in ["G", "\r\n\r\n", "GET /metrics HTTP/1.1\r\n", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r"] {
            #expect(read(text) == nil, "\(text)")
        }
    }

    @Test(
        "what is no request is refused",
        arguments: [
            "GET /metrics\r\n\r\n", "GET  /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "/metrics\r\n\r\n",
            "GET /metrics HTTP/1.1\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: \u{1}\r\n\r\n",
            "GET metrics HTTP/1.1\r\nHost: x\r\n\r\n", "G\u{0}T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\u{16}\u{3}\u{1}\r\n\r\n", "GET / http/1.1\r\nHost: x\r\n\r\n",
        ])
    func bad(text: String) {
        #expect(read(text) == .failure(.badRequest))
    }

    @Test("other versions than 1.x are named as such")
    func version() {
        #expect(read("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == .failure(.versionNotSupported))
    }

    @Test("more than 8 KiB are too many, however they are cut", arguments: [1000, 8192, 100_000])
    func tooLarge(size: Int) {
        #expect(read(String(repeating: "a", count: 10_000), inPiecesOf: size) == .failure(.headTooLarge))
        let fields = String(repeating: "a: b\r\n", count: 2000)
        #expect(
            read("GET / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n", inPiecesOf: size) == .failure(.headTooLarge))
        // Empty lines before a request do not go on for ever.
        #expect(read(String(repeating: "\r\n", count: 10_000), inPiecesOf: size) == .failure(.headTooLarge))
    }
}
