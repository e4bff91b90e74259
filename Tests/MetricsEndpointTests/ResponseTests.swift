import ControlProtocol
import Testing

@testable import MetricsEndpoint

@Suite("answers to requests for the metrics")
struct ResponseTests {
    private static let text = """
        # TYPE baton_build info
        # HELP baton_build The version.
        baton_build_info{version="1"} 1
        # TYPE a_seconds gauge
        # UNIT a_seconds seconds
        # HELP a_seconds How long.
        a_seconds{service="# TYPE"} 1.5
        # TYPE b counter
        # HELP b How many.
        b_total 2
        # EOF

        """

    private func response(_ method: String, _ path: String, accept: String = "") -> String {
        let head = RequestHead(method: method, path: path, accept: accept)
        let response = Response(to: .success(head), at: Timestamp(seconds: 1_795_390_801)) { Array(Self.text.utf8) }
        return String(decoding: response.bytes, as: UTF8.self)
    }

    @Test("Prometheus' text format where OpenMetrics is not asked for")
    func plain() {
        let body = """
            # TYPE baton_build_info gauge
            # HELP baton_build_info The version.
            baton_build_info{version="1"} 1
            # TYPE a_seconds gauge
            # HELP a_seconds How long.
            a_seconds{service="# TYPE"} 1.5
            # TYPE b_total counter
            # HELP b_total How many.
            b_total 2

            """
        #expect(
            response("GET", "/metrics") == """
                HTTP/1.1 200 OK\r
                Date: Sun, 22 Nov 2026 23:40:01 GMT\r
                Content-Type: text/plain; version=0.0.4; charset=utf-8\r
                Content-Length: \(body.utf8.count)\r
                Connection: close\r
                Vary: Accept\r
                \r
                \(body)
                """)
    }

    @Test("OpenMetrics goes out as it came")
    func openMetrics() {
        let answer = response("GET", "/metrics", accept: "application/openmetrics-text")
        #expect(answer.hasSuffix("\r\n\r\n" + Self.text))
        #expect(answer.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"))
    }

    @Test("HEAD gets the head alone, with the length of the body")
    func head() {
        let answer = response("HEAD", "/metrics", accept: "application/openmetrics-text")
        #expect(answer.hasSuffix("\r\n\r\n"))
        #expect(answer.contains("Content-Length: \(Self.text.utf8.count)\r\n"))
    }

    @Test("what is not served")
    func others() {
        #expect(response("GET", "/").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
        #expect(response("POST", "/").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
        #expect(response("POST", "/metrics").hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
        #expect(response("POST", "/metrics").contains("\r\nAllow: GET, HEAD\r\n"))
        let bad = Response(to: .failure(.badRequest), at: Timestamp(seconds: 0)) { nil }
        #expect(
            String(decoding: bad.bytes, as: UTF8.self).hasPrefix("HTTP/1.1 400 Bad Request\r\nDate: Thu, 01 Jan 1970"))
        let none = Response(to: .success(RequestHead(method: "GET", path: "/metrics")), at: Timestamp(seconds: 0)) {
            nil
        }
        #expect(String(decoding: none.bytes, as: UTF8.self).hasPrefix("HTTP/1.1 500 "))
    }

    @Test(
        "what Accept asks for",
        arguments: [
            ("", TextFormat.prometheus), ("*/*", .prometheus), ("text/html, */*;q=0.8", .prometheus),
            ("application/openmetrics-text", .openMetrics),
            ("Application/OpenMetrics-Text ; Version=1.0.0", .openMetrics),
            ("application/openmetrics-text;version=0.0.1", .prometheus),
            ("application/openmetrics-text;q=0", .prometheus), ("application/openmetrics-text;q=x", .prometheus),
            ("text/plain, application/openmetrics-text;q=0.5", .prometheus),
            // Prometheus 2 and 3.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                .openMetrics
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                .openMetrics
            ), (";;;=,,,q=,;", .prometheus),
        ])
    func accept(value: String, format: TextFormat) {
        #expect(TextFormat(accept: value) == format)
    }
}
