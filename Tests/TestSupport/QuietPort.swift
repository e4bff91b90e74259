import Glibc
import Synchronization

/// Port numbers that the kernel gives to nobody by chance, each once in a test run: for what is to be free, or closed,
/// while other tests run beside. They lie below the usual `ip_local_port_range`, from which port 0 and connect(2) take.
package enum QuietPort {
    private static let range: Range<UInt16> = 20_000..<32_000
    private static let tried = Atomic<Int>(Int(getpid()) &* 97)

    /// A number that no socket has at the moment, of either transport, at any address.
    package static func next() throws -> UInt16 {
        for _ in range {
            let place = tried.wrappingAdd(1, ordering: .relaxed).newValue
            let port = range.lowerBound + UInt16(place % range.count)
            if isFree(port) { return port }
        }
        throw TestFailure("every port of \(range) is taken")
    }

    private static func isFree(_ port: UInt16) -> Bool {
        [TestSocket.stream, TestSocket.datagram].allSatisfy { type in
            (try? TestSocket.bound(type: type, host: "0.0.0.0", port: port)) != nil
        }
    }
}
