internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// All for which the supervisor needs more rights than everybody has, but for starting processes, which the launchers
/// do: by itself (`OwnPrivileges`), or by the monitor that has them in its place (`MonitorClient`).
///
/// The calls wait, but for nothing that hangs: no name service and no file but those that are named.
protocol Privileges: AnyObject {
    var listeners: any ListenerSupply { get }

    // MARK: The beginning and the end

    /// The runtime directory is ours, and no other supervisor's.
    func claim(_ place: RuntimeDirectory) throws(RuntimeFiles.Failure)
    /// The sockets in it, for clients and handlers.
    func openSockets() throws(RuntimeFiles.Failure) -> RuntimeSockets
    /// Lets a group at the control socket, or nobody.
    func showControl(to group: UInt32?) throws(Errno)
    /// The listeners of the first table are about to be opened.
    func expect(_ endpoints: [Endpoint])
    /// All of them have been tried.
    func finishAdopting()
    /// Everything serves.
    func ready()
    /// The whole supervisor ends: what a service manager keeps for it stays there.
    func ending()
    /// Nothing is left to do but to exit.
    func ended()

    // MARK: Files

    /// The file of the log, to append to, or the socket that it goes to.
    func openLog(_ place: LogPlan.Place) throws(Errno) -> OwnedDescriptor
    /// Has the table read by a process of its own. `done` is called once, later.
    func read(_ source: TableSource, done: @escaping (LoadedTable) -> Void) throws(Errno) -> any TableReading
    /// The table that was read last is the one in force.
    func took()

    // MARK: Processes

    /// The numbers under which guarded launchers start programs; empty where launchers start what they are asked to.
    var permits: [ProgramKey: UInt32] { get }
    /// Signals a child of ours that has not been collected.
    func signal(_ pid: Int32, _ signal: Int32)
    /// Signals the process group that a child of ours leads, or has led while others are in it.
    func signalGroup(_ pid: Int32, _ signal: Int32)

    /// Kills a handler that came by itself.
    ///
    /// - Returns: False when it may not be killed.
    func kill(_ process: ForeignProcess, registeredAs number: UInt64) -> Bool

    // MARK: Carried over

    /// Who has the rights becomes the program on disk, before this process does.
    ///
    /// - Returns: Why it did not.
    func becomeNext() -> String?

    /// What the program that takes over needs of it.
    func save(to state: inout SupervisorState)
    /// Goes on where the program before left off.
    ///
    /// - Returns: Where handlers reach NOTIFY_SOCKET.
    func resume(_ state: SupervisorState) -> String?
}

/// A table that is being read.
protocol TableReading: AnyObject {
    /// Waits no longer: what has not been said by now is a fault.
    func giveUp(why: String)
}

/// The sockets in the runtime directory.
struct RuntimeSockets {
    var control: DescriptorBox
    var register: DescriptorBox
    var registerStream: DescriptorBox
    /// Of `wait` handlers.
    var notify: DescriptorBox
    /// Where handlers reach that; nil when the path is too long for them.
    var notifyPath: String?
}
