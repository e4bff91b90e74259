/// What an event is called: its `event` in JSON, and what `baton events --event` chooses by. docs/control.md has the list.
package enum EventName: String, Hashable, Sendable, CaseIterable {
    // A connection, or a datagram.
    case accepted, refused
    case refusedAgain = "refused_again"
    case dropped
    case handedOff = "handed_off"
    case acknowledged, nacked, requeued, routed
    case notPassed = "not_passed"
    case ended, cut, abandoned, lost
    // A process.
    case spawned
    case spawnFailed = "spawn_failed"
    case exited, signalled
    case processReady = "process_ready"
    case processStopping = "process_stopping"
    case processUnresponsive = "process_unresponsive"
    case standardError = "stderr"
    case standardErrorDropped = "stderr_dropped"
    // A persistent handler.
    case handlerStarting = "handler_starting"
    case handlerRegistered = "handler_registered"
    case handlerUnresponsive = "handler_unresponsive"
    case handlerReady = "handler_ready"
    case handlerDraining = "handler_draining"
    case handlerReplaced = "handler_replaced"
    case handlerProcessEnded = "handler_process_ended"
    case handlerGone = "handler_gone"
    case handlerStartFailed = "handler_start_failed"
    case protocolError = "protocol_error"
    case registrationRefused = "registration_refused"
    // A service.
    case serviceFailed = "service_failed"
    case serviceRecovered = "service_recovered"
    case triggerLimit = "trigger_limit"
    case servicePaused = "service_paused"
    case serviceResumed = "service_resumed"
    case serviceDraining = "service_draining"
    case serviceStopped = "service_stopped"
    // A listener.
    case listening
    case bindFailed = "bind_failed"
    case listenerPaused = "listener_paused"
    case acceptFailed = "accept_failed"
    case listenerClosed = "listener_closed"
    // The supervisor.
    case starting
    case tableLoaded = "table_loaded"
    case tableFault = "table_fault"
    case ready, stopping, stopped
    case reloading, reloaded
    case reloadNote = "reload_note"
    case reloadFailed = "reload_failed"
    case serviceChanged = "service_changed"
    case handlersNotReplaced = "handlers_not_replaced"
    case listenersAdopted = "listeners_adopted"
    case passedInVain = "passed_in_vain"
    case logDropped = "log_dropped"
    case upgrading, upgraded
    case upgradeFailed = "upgrade_failed"
    case launcherReplaced = "launcher_replaced"
    case workerReplaced = "worker_replaced"
    case notificationsDropped = "notifications_dropped"
    case impaired
    // The control socket.
    case controlRequest = "control_request"
    case controlRefused = "control_refused"
}
