@testable import MetricsEndpoint

extension FuzzTarget {
    /// A request for the metrics.
    static let metrics = FuzzTarget("metrics", longest: 1024, words: metricsWords) { bytes throws(Finding) in
        let whole = request(bytes, pieces: bytes.count)
        for pieces in [1, 5] {
            try hold(request(bytes, pieces: pieces) == whole, "another request in pieces of \(pieces)")
        }
        guard case .success(let head?) = whole else { return }
        try hold(!head.path.hasPrefix("?") && !head.path.contains(" "), "the path \(head.path)")
        _ = TextFormat(accept: head.accept)
    }

    private static func request(_ bytes: [UInt8], pieces: Int) -> Result<RequestHead?, HTTPStatus> {
        var reader = RequestReader()
        var rest = bytes[...]
        do throws(HTTPStatus) {
            while !rest.isEmpty {
                if let head = try reader.append(rest.prefix(pieces)) { return .success(head) }
                rest = rest.dropFirst(pieces)
            }
            return .success(RequestHead?.none)
        } catch {
            return .failure(error)
        }
    }

    private static let metricsWords = [
        "GET /metrics HTTP/1.1\r\n", "HTTP/1.0", "Host: a\r\n", "Accept: ", "application/openmetrics-text",
        "text/plain", ";version=1.0.0", ";q=0.1", "http://", "\r\n\r\n",
    ]
}
