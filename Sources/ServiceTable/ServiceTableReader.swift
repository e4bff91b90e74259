internal import LinuxSystem

/// Text to checked values: a table with everything it includes, and every fault in it.
///
/// It asks the name service and opens files, so it may block: the loader and the command line call it, the
/// supervisor never does.
package enum ServiceTableReader {
    /// Reads the table in `file`.
    ///
    /// - Parameter resolving: false when users, groups, programs, interfaces, host and port names need not
    ///   exist on this machine; placeholders stand for them, so the table is for checking only.
    package static func read(file: String, resolving: Bool) -> LoadedTable {
        read(name: file, resolving: resolving) { $0.read(top: file) }
    }

    /// Reads a table that the caller has as text. `name` stands for the file in faults; includes are relative
    /// to its directory.
    package static func read(text: [UInt8], name: String, resolving: Bool) -> LoadedTable {
        read(name: name, resolving: resolving) { $0.read(text: text, name: name) }
    }

    private static func read(name: String, resolving: Bool, open: (inout FileReader) -> Void) -> LoadedTable {
        let reading = Reading(resolving: resolving)
        var reader = FileReader(reading: reading)
        open(&reader)
        var table = reader.files.first?.draft.table ?? ServiceTable()
        table.file = name
        table.services = TableCheck(reader.files, reading: reading).services()
        let faults = reading.sortedFaults
        return LoadedTable(table: faults.contains { $0.severity == .error } ? nil : table, faults: faults)
    }
}

/// The services of all files, and what must hold between them.
struct TableCheck {
    private let files: [FileReader.File]
    private let reading: Reading

    init(_ files: [FileReader.File], reading: Reading) {
        self.files = files
        self.reading = reading
    }

    func services() -> [Service] {
        let entries = entries()
        reading.serviceNames = Set(entries.map(\.pair.key))
        var placed: [PlacedService] = []
        placed.reserveCapacity(entries.count)
        let metrics = files.first?.draft.metrics.flatMap { MetricsReader.service($0, reading: reading) }
        if metrics != nil { reading.serviceNames.insert(MetricsReader.name) }
        let top = Defaults().adding(files.first.flatMap(defaults))
        var layers: [Int: Defaults] = [0: top]
        for (number, file) in files.enumerated().dropFirst() { layers[number] = top.adding(defaults(of: file)) }
        var applied = 0
        for entry in entries {
            let services = files[entry.file].cursor.at(entry.services)
            let defaults = layers[entry.file] ?? top
            applied += defaults.size
            guard applied <= Defaults.mostApplied else {
                services.at(entry.pair).fault(
                    "defaults come to more than \(Defaults.mostApplied) values in all services")
                break
            }
            if let service = ServiceReader.read(entry.pair, in: services, defaults: defaults) {
                placed.append(service)
            }
        }
        if let metrics { placed.append(metrics) }
        checkTargets(placed)
        EndpointCheck(reading: reading).check(placed)
        TCPMuxCheck(reading: reading).check(placed)
        RouteCheck(reading: reading).check(placed)
        checkPresence(entries.isEmpty, placed)
        return placed.map(\.service)
    }

    private struct Entry {
        var pair: YAMLPair
        var services: YAMLPair
        var file: Int
    }

    private func defaults(of file: FileReader.File) -> Cursor? {
        file.draft.defaults.map { file.cursor.at($0) }
    }

    /// Every service once; a name that stands in two files is a fault.
    private func entries() -> [Entry] {
        var places: [String: YAMLPlace] = [:]
        var entries: [Entry] = []
        for (number, file) in files.enumerated() {
            guard let services = file.draft.services else { continue }
            let cursor = file.cursor.at(services)
            guard let pairs = services.value.pairs else {
                if services.value.isBroken { reading.namesAreComplete = false }
                if !services.value.isBroken { cursor.unexpected("a mapping of names to services") }
                continue
            }
            for pair in pairs {
                if pair.key == MetricsReader.name, let metrics = files.first?.draft.metrics {
                    let place = reading.words(for: metrics.node.place)
                    cursor.at(keyOf: pair).fault("metrics at \(place) makes a service of this name")
                } else if let place = places[pair.key] {
                    let other = reading.words(for: place)
                    cursor.at(keyOf: pair).fault("a service of this name stands at \(other) already")
                } else {
                    places[pair.key] = pair.place
                    entries.append(Entry(pair: pair, services: services, file: number))
                }
            }
        }
        return entries
    }

    private func checkTargets(_ services: [PlacedService]) {
        guard reading.namesAreComplete else { return }
        lazy var names = reading.serviceNames.sorted()
        for target in services.flatMap(\.targets) where !reading.serviceNames.contains(target.value) && !reading.isFull
        {
            let near = Words.nearest(to: target.value, among: names)
            target.cursor(reading).fault("there is no service \"\(target.value.quotable)\"\(near)")
        }
    }

    private func checkPresence(_ isEmpty: Bool, _ services: [PlacedService]) {
        if isEmpty, reading.namesAreComplete, let file = files.first,
            file.draft.services != nil || !file.draft.includes.isEmpty
        {
            let place = file.draft.services.map { file.cursor.at($0) } ?? file.cursor
            if place.node.pairs != nil { place.fault("there is no service in the table") }
        }
        if !services.isEmpty, services.allSatisfy({ !$0.service.enabled }), let file = files.first {
            (file.draft.services.map { file.cursor.at($0) } ?? file.cursor).warn("every service is disabled")
        }
        // What is not understood may name any of them.
        guard !reading.hasErrors else { return }
        let reached = Set(services.flatMap(\.targets).map(\.value))
        for service in services where !service.listens && service.tcpmux == nil && service.service.enabled {
            if !reached.contains(service.service.name), !service.service.wait {
                service.cursor.warn(
                    "only baton pass reaches this service: it has no listen, and no route or pass_to names it")
            }
        }
    }
}
