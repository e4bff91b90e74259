// [Service] (systemd.service(5)).
extension SystemdRow {
    static let serviceRows = starting + stopping

    private static let starting =
        [
            DirectiveRow(
                "Type", .exact, "",
                "simple, exec, oneshot and idle; notify and dbus are approximated, forking and RemainAfterExit= have no "
                    + "equivalent: with wait: true Baton watches the socket again when the process exits."),
            DirectiveRow(
                "ExecStart", .exact, "exec, argv0",
                "@ sets argv0, : stops expansion, + and ! leave User= out. $VARIABLES are filled in at the import."),
        ]
        + rows(
            "ExecCondition ExecStartPre ExecStartPost", .notExpressible, "",
            "one program serves a connection; put what comes before or after it into a script")
        + rows(
            "ExecReload ReloadSignal", .notExpressible, "",
            "Baton reloads no handlers; signal the process, or baton restart")
        + rows(
            "ExecStop ExecStopPost", .notExpressible, "",
            "a handler is ended by a signal (stop_signal), and nothing runs behind it")
        + rows("PIDFile GuessMainPID", .approximated, "", "the process that Baton starts is the one that it watches")
        + rows("BusName", .approximated, "", "nothing waits for a name on the bus")
        + rows(
            "NotifyAccess", .approximated, "",
            "Baton waits for none to be ready; with Accept=no it shows what the handler's process group says to "
                + "NOTIFY_SOCKET, with Accept=yes there is none")
        + rows(
            "Restart", .approximated, "",
            "a handler starts again when the next client comes, not for its own sake; see trigger_limit")
        + rows(
            "RestartSec RestartSteps RestartMaxDelaySec RestartMode", .approximated, "trigger_limit.backoff",
            "pauses come after failures only, by trigger_limit")
        + rows(
            "RestartPreventExitStatus RestartForceExitStatus SuccessExitStatus", .notExpressible, "",
            "trigger_limit counts every exit status but 0 as a failure")
        + rows(
            "StartLimitInterval StartLimitBurst StartLimitAction", .approximated, "trigger_limit",
            "the older place of the directives of [Unit]; trigger_limit pauses, and nothing needs a reset")
        + rows("FailureAction RebootArgument", .notExpressible, "", "Baton neither reboots nor powers off")
        + rows("RemainAfterExit", .notExpressible, "", "when the process has exited, the next client starts it again")
        + rows("ExitType", .approximated, "", "Baton watches the process that it started, not its control group")
        + rows(
            "PermissionsStartOnly RootDirectoryStartOnly", .notExpressible, "",
            "there is one command, and all keys are for it")
        + [
            DirectiveRow(
                "Sockets", .exact, "listen", "The sockets of a service become one service when imported together.")
        ]
        + rows("NonBlocking", .notExpressible, "", "sockets are given in blocking mode; the handler can set O_NONBLOCK")
        + rows(
            "FileDescriptorStoreMax FileDescriptorStorePreserve", .notExpressible, "",
            "nothing keeps descriptors for a process but its own handler; see handoff")
        + rows("OpenFile", .notExpressible, "", "a handler opens its own files")
        + rows("USBFunctionDescriptors USBFunctionStrings", .notExpressible, "", "Baton serves no USB gadgets")
        + rows("OOMPolicy", .notExpressible, "", "the kernel ends the process that it chooses; see oom_score_adjust")
        + rows("SysVStartPriority BusPolicy", .approximated, "", "systemd itself passes over it by now")

    private static let stopping =
        [
            DirectiveRow("TimeoutStopSec", .exact, "stop_grace"),
            DirectiveRow("RuntimeMaxSec", .exact, "runtime_limit"),
            DirectiveRow("TimeoutSec", .approximated, "stop_grace", "the time to start is not limited"),
        ]
        + rows(
            "TimeoutStartSec", .approximated, "", "the time to start is not limited: there is no readiness to wait for")
        + rows(
            "TimeoutAbortSec TimeoutStartFailureMode TimeoutStopFailureMode", .approximated, "stop_signal, stop_grace",
            "after stop_grace comes KILL, whatever the reason")
        + rows(
            "RuntimeRandomizedExtraSec", .approximated, "runtime_limit", "runtime_limit is the same for each process")
        + rows(
            "WatchdogSec", .approximated, "heartbeat",
            "a silent handler gets KILL, not ABRT; the process of a connection (Accept=yes) has no watchdog")
}
