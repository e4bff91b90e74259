internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// One process does everything, with the rights that it was started with.
final class OwnPrivileges: Privileges {
    private let store: ListenerStore
    private let starter: ProcessStarter
    private var files: RuntimeFiles?
    /// None: its launchers are not guarded.
    var permits: [ProgramKey: UInt32] = [:]

    init(store: ListenerStore, starter: ProcessStarter) {
        self.store = store
        self.starter = starter
    }

    var listeners: any ListenerSupply { store }

    func claim(_ place: RuntimeDirectory) throws(RuntimeFiles.Failure) {
        files = try RuntimeFiles(place)
    }

    func openSockets() throws(RuntimeFiles.Failure) -> RuntimeSockets {
        guard let sockets = try files?.openSockets() else {
            throw RuntimeFiles.Failure(message: "there is no runtime directory")
        }
        return sockets
    }

    func showControl(to group: UInt32?) throws(Errno) {
        try files?.showControl(to: group)
    }

    func expect(_ endpoints: [Endpoint]) { store.expect(endpoints) }
    func finishAdopting() { store.finishAdopting() }
    func ready() {}
    func ending() { store.isEnding = true }
    func ended() { files.take()?.remove() }

    func openLog(_ place: LogPlan.Place) throws(Errno) -> OwnedDescriptor { try place.open() }

    func read(_ source: TableSource, done: @escaping (LoadedTable) -> Void) throws(Errno) -> any TableReading {
        try TableLoader.load(source, starter: starter, done: done)
    }

    func took() {}

    func signal(_ pid: Int32, _ signal: Int32) { ChildProcess.signal(pid, signal) }
    func signalGroup(_ pid: Int32, _ signal: Int32) { ChildProcess.signalGroup(pid, signal) }
    func kill(_ process: ForeignProcess, registeredAs number: UInt64) -> Bool { process.kill() }

    /// That is this process.
    func becomeNext() -> String? { nil }

    func save(to state: inout SupervisorState) {
        if let saved = files?.saved { state.files = saved }
    }

    func resume(_ state: SupervisorState) -> String? {
        let resumed = RuntimeFiles(state.files)
        let path = resumed.address(of: NotifySocket.socketName)
        files = consume resumed
        return path
    }
}
