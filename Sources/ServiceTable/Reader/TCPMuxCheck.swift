/// What must hold of tcpmux between the services of a table.
struct TCPMuxCheck {
    let reading: Reading

    /// A name leads to one service, and some service asks for it.
    func check(_ services: [PlacedService]) {
        let multiplexers = services.filter { $0.service.enabled && $0.service.dispatch == .tcpmux }
        var taken: [String: PlacedService] = [:]
        for service in services where service.service.enabled {
            guard let name = service.service.tcpmux, let cursor = service.tcpmux else { continue }
            if multiplexers.isEmpty {
                cursor.warn("nothing reaches the service by this name: there is no internal: tcpmux")
            }
            guard let other = taken.updateValue(service, forKey: name.folded), let place = other.tcpmux?.node.place
            else { continue }
            cursor.fault(
                "\(reading.files[place.file]):\(place.line) gives this name to \(other.service.name) already")
        }
        if taken.isEmpty {
            for service in multiplexers { service.cursor.warn("no service has a tcpmux name: it can only say so") }
        }
    }
}

extension ServiceReader {
    /// Why a service cannot be reached by a tcpmux name; nil when it can.
    static func faultOfTCPMuxTarget(isWait: Bool, isMultiplexer: Bool) -> String? {
        if isWait { return "a wait handler takes connections itself; only exec without wait: true can be given one" }
        return isMultiplexer ? "tcpmux leads to other services, not to itself" : nil
    }
}
