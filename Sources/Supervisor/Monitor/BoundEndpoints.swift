internal import ServiceTable

/// What the tables of now bind: as it stands there, and how often it is bound to the same.
struct BoundEndpoints {
    private var endpoints: Set<Endpoint> = []
    private var counts: [Endpoint.Place: Int] = [:]

    init(_ tables: [ServiceTable?] = []) {
        for endpoint in tables.compactMap(\.self).flatMap(\.services).flatMap(\.boundEndpoints) {
            endpoints.insert(endpoint)
            counts[endpoint.place, default: 0] += 1
        }
    }

    func contains(_ endpoint: Endpoint) -> Bool { endpoints.contains(endpoint) }

    func count(at place: Endpoint.Place) -> Int { counts[place] ?? 0 }
}
