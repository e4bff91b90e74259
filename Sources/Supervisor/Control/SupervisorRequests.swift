internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable

// What signals and clients of the control socket ask the supervisor for.

extension Supervisor: SignalTarget {
    func received(_ signal: SignalDescriptor.Signal) {
        switch signal.number {
        case SIGCHLD: runtime.instances.reap(signal.pid)
        case SIGTERM, SIGINT:
            if stopBegan == nil { stop(why: "SIG\(SignalName.of(signal.number))") } else { end(firmly: true) }
        case SIGHUP: reloader.reload(why: "SIGHUP")
        case SIGUSR1: runtime.events.reopen()
        case SIGUSR2: upgrade { _ in }
        default: break  // no other is taken
        }
    }
}

extension Supervisor: ControlTarget {
    func perform(_ method: ControlRequest.Method, answer reply: @escaping (ControlOutcome) -> Void) {
        let answer = { reply(.done($0)) }
        do {
            switch method {
            case .status(let names): reply(.long(.status(status, of: try services(named: names))))
            case .connections(let names): answer(.success(ConnectionCensus.list(try services(named: names)).json))
            case .events(let query):
                _ = try services(named: method.services)
                answer(.success(["follow": .bool(query.follows)]))
            case .stop(let names, let drain): try stop(services(named: names), all: names.isEmpty, drain, answer)
            case .reload(let dryRun): reloader.reload(why: "asked by a client", dryRun: dryRun, answer: answer)
            case .restart where isStopping:
                answer(.failure(ControlError(.failed, "the supervisor is stopping")))
            case .restart(let names): ServiceRestart.begin(try services(named: names), answer: answer)
            case .pause(let names): answer(.success(try ServicePause.pause(services(named: names), among: services)))
            case .resume(let names): answer(.success(ServicePause.resume(try services(named: names))))
            case .upgrade: upgrade(answer: answer)
            case .metrics: runtime.metrics.render { reply(.long(.metrics($0))) }
            }
        } catch {
            answer(.failure(error))
        }
    }

    private func services(named names: [String]) throws(ControlError) -> [ActiveService] {
        let all = services + leaving
        if names.isEmpty { return all }
        let chosen = Set(names)
        if let stranger = chosen.subtracting(all.map(\.definition.name)).min() {
            throw ControlError(.noSuchService, "there is no service \(stranger.printable())")
        }
        return all.filter { chosen.contains($0.definition.name) }
    }

    /// Of the supervisor as a whole, without its services.
    private var status: SupervisorStatus {
        var status = SupervisorStatus(
            version: BatonVersion.text, pid: pid, uptime: loop.now - began, table: table.file,
            state: stopBegan == nil ? .running : .stopping,
            openFiles: Int(clamping: (try? ResourceLimits.openFiles().soft) ?? 0), services: [])
        status.worker = worker
        status.notificationsDropped = runtime.notifications?.dropped ?? 0
        return status
    }

    private func stop(
        _ chosen: [ActiveService], all: Bool, _ drain: Duration?,
        _ answer: @escaping (Result<JSON, ControlError>) -> Void
    ) throws(ControlError) {
        if all {
            answer(.success(["stopping": true]))
            return stop(why: "asked by a client", drain: drain)
        }
        awaitingStop.append((chosen, answer))
        for service in chosen {
            service.stop(why: "asked by a client")
            service.end(at: loop.now + (drain ?? table.limits.stopTimeout))
        }
        serviceStopped()
    }
}

extension Supervisor: MetricsSource {
    var metrics: MetricsText.Supervisor {
        MetricsText.Supervisor(
            version: BatonVersion.text, started: started, openFiles: CurrentProcess.openFiles,
            mostOpenFiles: Int(clamping: (try? ResourceLimits.openFiles().soft) ?? 0),
            notificationsDropped: runtime.notifications?.dropped ?? 0)
    }
}
