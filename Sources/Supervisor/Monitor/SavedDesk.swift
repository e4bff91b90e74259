internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What a worker has of its monitor, for the program that takes over from it.
struct SavedDesk: Saved {
    /// But for the table.
    var start = WorkerStart()
    var permits = WorkerTable()
    var requests = SavedDescriptor()
    var news = SavedDescriptor()
    /// To the service manager.
    var manager: SavedDescriptor?
    var roster: SavedDescriptor?
    /// They start those of the program that takes over.
    var launchers: [SavedLauncher] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&start)
        coder.value(&permits)
        coder.value(&requests)
        coder.value(&news)
        coder.optional(&manager)
        coder.optional(&roster)
        coder.array(&launchers)
    }
}

extension WorkerDesk {
    func save(_ client: MonitorClient, _ notifier: Notifier?, confinement: String) -> SavedDesk {
        var saved = SavedDesk()
        saved.start = start
        saved.start.confinement = confinement
        saved.start.table = WorkerTable()
        saved.permits = WorkerTable(LoadedTable(table: nil, faults: []), client.permits)
        (saved.requests, saved.news) = client.channels
        saved.manager = notifier?.saved
        saved.roster = roster?.saved
        return saved
    }
}
