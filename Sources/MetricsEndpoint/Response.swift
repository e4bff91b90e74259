internal import ControlProtocol

/// An answer: its head, and the body where there is one.
struct Response {
    let bytes: [UInt8]

    /// - Parameter metrics: Asked for once, when they are what is wanted; nil when they cannot be had.
    init(to request: Result<RequestHead, HTTPStatus>, at time: Timestamp, metrics: () -> [UInt8]?) {
        guard case .success(let head) = request else {
            if case .failure(let status) = request { self.init(status, at: time) } else { self.init(.ok, at: time) }
            return
        }
        let isHead = head.method == "HEAD"
        guard head.path == "/metrics" else {
            self.init(.notFound, at: time, isHead: isHead)
            return
        }
        guard isHead || head.method == "GET" else {
            self.init(.methodNotAllowed, at: time, fields: ["Allow: GET, HEAD"])
            return
        }
        guard let metrics = metrics() else {
            self.init(.internalError, at: time, isHead: isHead)
            return
        }
        let format = TextFormat(accept: head.accept)
        self.init(
            .ok, at: time, type: format.mediaType, fields: ["Vary: Accept"], body: format.render(metrics),
            isHead: isHead)
    }

    private init(_ status: HTTPStatus, at time: Timestamp, fields: [String] = [], isHead: Bool = false) {
        self.init(
            status, at: time, type: "text/plain; charset=utf-8", fields: fields, body: Array(status.explanation.utf8),
            isHead: isHead)
    }

    private init(
        _ status: HTTPStatus, at time: Timestamp, type: String, fields: [String], body: [UInt8], isHead: Bool
    ) {
        let lines =
            [
                "HTTP/1.1 \(status.rawValue) \(status.reason)", "Date: \(time.httpDate)", "Content-Type: \(type)",
                "Content-Length: \(body.count)", "Connection: close",
            ] + fields
        bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (isHead ? [] : body)
    }
}
