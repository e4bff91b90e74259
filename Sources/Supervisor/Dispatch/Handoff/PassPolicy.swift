internal import ControlProtocol
internal import ServiceTable

/// Whether a handler may give a connection on: pure.
enum PassPolicy {
    /// In the life of a connection.
    static let mostPasses = 8

    /// Why not; nil lets the target decide.
    ///
    /// - Parameters:
    ///   - passes: How often it has been passed before.
    ///   - isConnection: What came is a connected stream or seqpacket socket; nil when nothing could be taken.
    static func refusal(
        from service: String, to target: String, allowed: [String], passes: Int, isConnection: Bool?
    ) -> RefusalReason? {
        guard allowed.contains(target.isEmpty ? service : target) else { return .passed }
        guard let isConnection else { return .global }
        return isConnection && passes < mostPasses ? nil : .passed
    }
}
