/// What an answer begins with, and the reason why a request is not served (RFC 9110, section 15).
enum HTTPStatus: Int, Error {
    case ok = 200
    case badRequest = 400
    case notFound = 404
    case methodNotAllowed = 405
    case timeout = 408
    case headTooLarge = 431
    case internalError = 500
    case versionNotSupported = 505

    var reason: String {
        switch self {
        case .ok: "OK"
        case .badRequest: "Bad Request"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .timeout: "Request Timeout"
        case .headTooLarge: "Request Header Fields Too Large"
        case .internalError: "Internal Server Error"
        case .versionNotSupported: "HTTP Version Not Supported"
        }
    }

    /// The body for people.
    var explanation: String {
        switch self {
        case .notFound: "The metrics are at /metrics.\n"
        default: "\(reason)\n"
        }
    }
}
