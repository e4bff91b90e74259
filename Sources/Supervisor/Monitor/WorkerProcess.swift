internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Who hears a worker.
protocol WorkerListener: AnyObject {
    func asked(_ request: MonitorRequest, _ descriptors: [DescriptorBox])
    /// It is gone, and has been collected.
    func workerEnded(_ worker: WorkerProcess, _ status: ExitStatus)
}

/// The process that decides, as its monitor sees it.
final class WorkerProcess: EventSource {
    let pid: Int32
    let started: Duration
    private let loop: EventLoop
    private let requests: DescriptorBox
    private let news: WorkerNews
    private weak var listener: (any WorkerListener)?
    private var registration: RegistrationID?
    private var buffer = [UInt8](repeating: 0, count: MonitorMessage.most)
    /// It has said that it is about to exit.
    var hasEnded = false
    /// Of its messages: for a while it may be an older program than the monitor.
    private var version = SupervisorState.version

    /// - Parameters:
    ///   - passing: What it gets besides the channels, from `WorkerStart.Descriptor.start` on, in that order; with nil it gets
    ///     /dev/null in the place.
    init(
        _ plan: SpawnPlan, passing: [FileDescriptor?], loop: EventLoop, instances: InstanceTable,
        listener: any WorkerListener
    ) throws(Errno) {
        let requests = try Socket.pair(.sequencedPacket)
        let news = try Socket.pair(.sequencedPacket)
        for end in [requests.ours.borrowed, requests.theirs.borrowed, news.ours.borrowed] {
            try Socket.set(.sendBuffer, 2 * MonitorMessage.most, on: end)
        }
        var plan = plan
        var given = [requests.theirs.borrowed, news.theirs.borrowed]
        plan.descriptors = [.null, .passed(2), .passed(3), .passed(0), .passed(1)]
        given += [.standardOutput, .standardError]
        for descriptor in passing {
            if let descriptor {
                plan.descriptors.append(.passed(given.count))
                given.append(descriptor)
            } else {
                plan.descriptors.append(.null)
            }
        }
        switch Spawn.start(plan, passing: given, report: try SpawnReportPage()) {
        case .running(let pid): self.pid = pid
        case .failed(_, _, let error): throw error
        }
        self.requests = DescriptorBox(requests.ours)
        self.news = WorkerNews(DescriptorBox(news.ours), loop: loop)
        self.loop = loop
        self.listener = listener
        started = loop.now
        try watch(instances)
    }

    private func watch(_ instances: InstanceTable) throws(Errno) {
        guard let requests = requests.borrowed else { throw .badFileDescriptor }
        registration = try loop.watch(requests, for: .readable, self)
        news.broken = { [weak self] in self?.end() }
        instances.track(pid) { [self] status in
            forget()
            // Something that came along may lie there unread.
            Disposal.close([self.requests, news.socket])
            listener?.workerEnded(self, status)
        }
    }

    // MARK: Carried over

    var saved: SavedWorker {
        SavedWorker(
            pid: pid, started: started, requests: requests.saved ?? SavedDescriptor(),
            news: news.socket.saved ?? SavedDescriptor(), version: version)
    }

    /// Goes on with one that another program has started.
    init(
        _ saved: SavedWorker, loop: EventLoop, instances: InstanceTable, listener: any WorkerListener
    ) throws(Errno) {
        pid = saved.pid
        started = saved.started
        version = saved.version
        requests = saved.requests.adoptBox()
        news = WorkerNews(saved.news.adoptBox(), loop: loop)
        self.loop = loop
        self.listener = listener
        try watch(instances)
    }

    // MARK: Messages

    func ready(_ interest: Epoll.Interest) {
        do {
            guard let requests = requests.borrowed else { return }
            // What there is no room for, the kernel would close here, and that may wait.
            let received = try DescriptorPassing.receive(
                into: &buffer, room: DescriptorPassing.mostDescriptors, on: requests)
            let message: (value: MonitorRequest, version: Int)? = MonitorMessage.decode(buffer[..<received.count])
            guard let message else {
                Disposal.close(received.descriptors)
                return end()
            }
            version = message.version
            listener?.asked(message.value, received.descriptors)
        } catch {
            if error != .wouldBlock, !error.isShortage { end() }
        }
    }

    /// It does not speak as it should, or has closed its end.
    func end() {
        forget()
        ChildProcess.signal(pid, SIGKILL)
    }

    private func forget() {
        news.close()
        if let registration { loop.forget(registration) }
        registration = nil
    }

    /// The worker waits for it. One that does not take it is no worker any more.
    func answer(_ reply: MonitorReply = MonitorReply(), passing descriptors: [FileDescriptor] = []) {
        send(MonitorMessage.encode(reply, version: version), descriptors, on: requests.borrowed)
    }

    func tell(_ news: MonitorNews, passing file: DescriptorBox? = nil) {
        self.news.tell(MonitorMessage.encode(news, version: version), passing: file)
    }

    /// It has been told everything.
    var isAtRest: Bool { news.isAtRest }

    private func send(_ message: [UInt8], _ descriptors: [FileDescriptor], on socket: FileDescriptor?) {
        guard let socket else { return }
        do {
            try MonitorMessage.insist { () throws(Errno) in
                try DescriptorPassing.send(message, passing: descriptors, on: socket)
            }
        } catch {
            end()
        }
    }
}
