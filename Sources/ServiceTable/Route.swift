/// Chooses a service by the first bytes of a connection, which stay in the stream.
package struct Route: Hashable, Sendable {
    /// From accept to the decision; then what is undecided does not match. Nil is unlimited.
    package var timeout: Duration? = .seconds(3)
    /// Bytes looked at for a decision; what is undecided then does not match.
    package var mostBytes = 16384
    /// The first that matches decides.
    package var rules: [Rule] = []
    /// The service for what no rule matches; nil refuses it.
    package var standard: String?

    package init() {}

    package struct Rule: Hashable, Sendable {
        package var match: Match
        /// The name of a service.
        package var target: String

        package init(match: Match, target: String) {
            self.match = match
            self.target = target
        }
    }

    package enum Match: Hashable, Sendable {
        /// The client's identification string (RFC 4253, section 4.2).
        case ssh
        /// A ClientHello with all of this in it.
        case tls(TLS)
        /// An HTTP/1 request with all of this in it; without anything, HTTP/2's preface as well.
        case http(HTTP)
        case prefix([UInt8])
        /// The first call of a Courier client (XSIS 038112).
        case courier(Courier)
    }

    package struct Courier: Hashable, Sendable {
        /// Nil: any.
        package var program: UInt32?
        /// Of the program.
        package var versions: ClosedRange<UInt16> = 0...UInt16.max

        package init() {}
    }

    package struct TLS: Hashable, Sendable {
        /// A host in lower case, or `*.` and a domain: any host in it.
        package var serverName: String?
        /// One of the client's protocols (ALPN).
        package var alpn: String?

        package init() {}
    }

    package struct HTTP: Hashable, Sendable {
        /// As `TLS.serverName`.
        package var host: String?
        /// The path itself, or a beginning of it that ends at a slash.
        package var path: String?
        package var method: String?

        package init() {}
    }
}
