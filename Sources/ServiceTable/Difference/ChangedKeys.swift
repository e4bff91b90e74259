// The keys of the table that say something else in a new one. What a name was looked up to is no key: names in source
// lists are kept up to date by themselves, and name servers give a host's addresses in any order.

extension Service {
    /// But for those of its listeners.
    func changedKeys(to new: Service) -> [String] {
        var keys = KeyComparison(self, new)
        keys.compare(\.name) { _, _ in [] }
        keys.compare(\.endpoints) { _, _ in [] }
        keys.compare("enabled", \.enabled)
        keys.compare(\.dispatch) { $0.changedKeys(to: $1) }
        keys.compare("tcpmux", \.tcpmux)
        keys.compare("style", \.style)
        keys.compare("wait", \.wait)
        keys.compare("instances", \.instances)
        keys.compare(\.admission) { $0.changedKeys(to: $1) }
        keys.compare("trigger_limit", \.triggerLimit)
        keys.compare("heartbeat", \.heartbeat)
        keys.compare("unresponsive", \.unresponsive)
        keys.compare(\.process) { $0.changedKeys(to: $1) }
        keys.compare("on_stop", \.onStop)
        keys.compare("banner", \.banner)
        keys.compare("log_on", \.logOn)
        keys.compare("metrics", \.servesMetrics)
        return keys.finish(rest: "others")
    }
}

extension Dispatch {
    /// The key that stands for it in the table.
    var key: String {
        switch self {
        case .exec: "exec"
        case .handoff: "handoff"
        case .internal, .tcpmux: "internal"
        case .redirect: "redirect"
        case .route: "route"
        }
    }

    /// The same way of a connection, whatever it says about it.
    func isLike(_ other: Dispatch) -> Bool {
        switch (self, other) {
        case (.exec, .exec), (.handoff, .handoff), (.internal, .internal), (.tcpmux, .tcpmux), (.redirect, .redirect),
            (.route, .route):
            true
        case (.exec, _), (.handoff, _), (.internal, _), (.tcpmux, _), (.redirect, _), (.route, _): false
        }
    }

    fileprivate func changedKeys(to new: Dispatch) -> [String] {
        switch (self, new) {
        case (.handoff(let old), .handoff(let new)): old.wrappedValue.changedKeys(to: new.wrappedValue)
        case (.redirect(let old), .redirect(let new)): old.changedKeys(to: new)
        case _ where self == new: []
        default: [key, new.key]
        }
    }
}

extension Handoff {
    fileprivate func changedKeys(to new: Handoff) -> [String] {
        var keys = KeyComparison(self, new)
        keys.compare("handoff.exec", \.program)
        keys.compare("exec", \.fallback)
        keys.compare("handoff.start", \.start)
        keys.compare("handoff.handlers", \.pool)
        keys.compare("handoff.capacity", \.capacity)
        keys.compare("handoff.balance", \.balance)
        keys.compare("handoff.register", \.register)
        keys.compare("handoff.queue", \.queueSize)
        keys.compare("handoff.queue", \.queueTimeout)
        keys.compare("handoff.max_deliveries", \.maxDeliveries)
        keys.compare("handoff.hold", \.hold)
        keys.compare("handoff.drain", \.drain)
        keys.compare("handoff.heartbeat", \.heartbeat)
        keys.compare("handoff.unresponsive", \.unresponsive)
        keys.compare("handoff.start_timeout", \.startTimeout)
        keys.compare("handoff.stop_grace", \.stopGrace)
        keys.compare("handoff.restart", \.restart)
        keys.compare("handoff.idle_exit", \.idleExit)
        keys.compare("handoff.pass_to", \.passTo)
        return keys.finish(rest: "handoff")
    }
}

extension Redirect {
    fileprivate func changedKeys(to new: Redirect) -> [String] {
        var keys = KeyComparison(self, new)
        keys.compare("redirect", \.addresses) { Set($0) == Set($1) }
        keys.compare("send_proxy", \.proxyHeader)
        return keys.finish(rest: "redirect")
    }
}

extension AdmissionSettings {
    fileprivate func changedKeys(to new: AdmissionSettings) -> [String] {
        var keys = KeyComparison(self, new)
        keys.compare("only_from", \.onlyFrom) { $0?.map(\.unresolved) == $1?.map(\.unresolved) }
        keys.compare("no_access", \.noAccess) { $0.map(\.unresolved) == $1.map(\.unresolved) }
        keys.compare("access_times", \.accessTimes)
        keys.compare("max_load", \.maxLoad)
        keys.compare("connections", \.connections)
        keys.compare("per_source", \.perSource)
        keys.compare("source_prefix", \.sourcePrefix)
        keys.compare("rate", \.rate)
        keys.compare("rate_per_source", \.ratePerSource)
        keys.compare("on_limit", \.onLimit)
        keys.compare("on_rate", \.onRate)
        keys.compare("on_source_limit", \.onSourceLimit)
        keys.compare("only_users", \.onlyUsers)
        keys.compare("only_groups", \.onlyGroups)
        keys.compare("busy_reply", \.busyReply)
        keys.compare("proxy_protocol", \.proxyProtocol)
        return keys.finish(rest: "others")
    }
}

extension Source {
    /// As the table has it.
    fileprivate var unresolved: Source {
        if case .host(let name, _) = self { .host(name, []) } else { self }
    }
}

extension ProcessSettings {
    fileprivate func changedKeys(to new: ProcessSettings) -> [String] {
        var keys = KeyComparison(self, new)
        keys.compare(\.credentials) { old, new in
            if old?.user != new?.user { return ["user"] }
            return (old?.gid == new?.gid ? [] : ["group"]) + (old?.groups == new?.groups ? [] : ["groups"])
        }
        keys.compare("umask", \.umask)
        keys.compare("directory", \.directory)
        keys.compare("chroot", \.chroot)
        keys.compare("nice", \.nice)
        keys.compare("oom_score_adjust", \.oomScoreAdjust)
        keys.compare("cpu_affinity", \.processors)
        keys.compare("cgroup", \.cgroup)
        keys.compare("capabilities", \.capabilities)
        keys.compare("no_new_privileges", \.noNewPrivileges)
        keys.compare("env", \.environment)
        keys.compare("pass_env", \.passEnvironment)
        keys.compare("rlimits", \.resourceLimits)
        keys.compare("stderr", \.standardError)
        keys.compare("runtime_limit", \.runtimeLimit)
        keys.compare("stop_signal", \.stopSignal)
        keys.compare("stop_grace", \.stopGrace)
        return keys.finish(rest: "others")
    }

    /// A process that runs may go on as it is: what differs is only how it is ended.
    func startsLike(_ other: ProcessSettings) -> Bool {
        var other = other
        (other.stopSignal, other.stopGrace) = (stopSignal, stopGrace)
        return self == other
    }
}

extension SocketOptions {
    func changedKeys(to new: SocketOptions) -> [String] {
        guard self != new else { return [] }
        var keys = KeyComparison(self, new)
        keys.compare("socket.backlog", \.backlog)
        keys.compare("socket.reuse_port", \.reusePort)
        keys.compare("socket.free_bind", \.freeBind)
        keys.compare("socket.interface", \.interface)
        keys.compare("socket.transparent", \.transparent)
        keys.compare("socket.mark", \.mark)
        keys.compare("socket.priority", \.priority)
        keys.compare("socket.tos", \.tos)
        keys.compare("socket.ttl", \.ttl)
        keys.compare("socket.keep_alive", \.keepAlive)
        keys.compare("socket.no_delay", \.noDelay)
        keys.compare("socket.defer_accept", \.deferAccept)
        keys.compare("socket.fast_open", \.fastOpen)
        keys.compare("socket.congestion", \.congestion)
        keys.compare("socket.broadcast", \.broadcast)
        keys.compare("socket.multicast", \.multicast)
        keys.compare("socket.receive_buffer", \.receiveBuffer)
        keys.compare("socket.send_buffer", \.sendBuffer)
        keys.compare("socket.mode", \.mode)
        keys.compare("socket.owner", \.owner)
        keys.compare("socket.group", \.group)
        keys.compare("socket.directory_mode", \.directoryMode)
        keys.compare("socket.remove_on_stop", \.removeOnStop)
        return keys.finish(rest: "socket")
    }
}

extension ServiceTable {
    /// Those of the supervisor as a whole.
    func changedKeys(to new: ServiceTable) -> [String] {
        var keys = KeyComparison(self, new)
        keys.compare(\.file) { _, _ in [] }
        keys.compare(\.services) { _, _ in [] }
        keys.compare("runtime_directory", \.runtimeDirectory)
        keys.compare("supervisor_user", \.supervisorUser)
        keys.compare("log.level", \.log.level)
        keys.compare("log.format", \.log.format)
        keys.compare("log.to", \.log.path)
        keys.compare("control.group", \.controlGroup)
        keys.compare("limits.instances", \.limits.instances)
        keys.compare("limits.open_files", \.limits.openFiles)
        keys.compare("limits.stop_timeout", \.limits.stopTimeout)
        return keys.finish(rest: "others")
    }
}
