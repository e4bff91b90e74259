// systemd.exec(5), systemd.kill(5), systemd.resource-control(5).
extension SystemdRow {
    static let processRows = identity + environment + scheduling + limitRows

    private static let identity = [
        DirectiveRow("User", .exact, "user"),
        DirectiveRow("Group", .exact, "group, groups", "With groups: init where there is a user, as there."),
        DirectiveRow(
            "SupplementaryGroups", .approximated, "groups",
            "the list is the whole list; those that the group database gives the user are not added"),
        DirectiveRow(
            "DynamicUser", .notExpressible, "user", "no users are made up; the service runs as User=, else as nobody"),
        DirectiveRow("WorkingDirectory", .exact, "directory", "- before it, and ~, are approximated."),
        DirectiveRow(
            "RootDirectory", .approximated, "chroot", "chroot(2) as it is: /proc, /sys and /dev are not mounted in it"),
        DirectiveRow("UMask", .exact, "umask"),
    ]

    private static let environment =
        [
            DirectiveRow("Environment", .exact, "env"),
            DirectiveRow(
                "EnvironmentFile", .approximated, "env",
                "read at the time of the import; import again when it has changed"),
            DirectiveRow("PassEnvironment", .exact, "pass_env"),
            DirectiveRow("UnsetEnvironment", .exact, "env, pass_env"),
            DirectiveRow(
                "ExecSearchPath", .exact, "env: {PATH: …}"),
            DirectiveRow(
                "StandardInput", .exact, "style: inetd",
                "socket; null is what style: systemd has anyway. Others have no equivalent."),
            DirectiveRow(
                "StandardOutput", .exact, "", "socket and inherit with style: inetd, journal with style: systemd."),
            DirectiveRow(
                "StandardError", .exact, "stderr", "socket and inherit: connection; journal: log; null; file: a path."),
        ]
        + rows("SetLoginEnvironment", .approximated, "user", "with user, HOME, LOGNAME, USER and SHELL are always set")
        + rows("StandardInputText StandardInputData", .notExpressible, "", "descriptor 0 is the socket or /dev/null")
        + rows(
            "TTYPath TTYReset TTYVHangup TTYVTDisallocate TTYRows TTYColumns", .notExpressible, "",
            "handlers have no terminal")
        + rows(
            "SyslogIdentifier SyslogFacility SyslogLevel SyslogLevelPrefix LogLevelMax LogRateLimitIntervalSec"
                + " LogRateLimitBurst LogExtraFields LogFilterPatterns LogNamespace", .notExpressible, "log, stderr",
            "each line of standard error is an event with the service and the pid; log says where they go")

    private static let scheduling =
        [
            DirectiveRow("Nice", .exact, "nice"), DirectiveRow("OOMScoreAdjust", .exact, "oom_score_adjust"),
            DirectiveRow("CPUAffinity", .exact, "cpu_affinity"),
            DirectiveRow("NoNewPrivileges", .exact, "no_new_privileges"),
            DirectiveRow("CapabilityBoundingSet", .exact, "capabilities", "A ~ before it is approximated."),
        ]
        + rows("IgnoreSIGPIPE", .approximated, "", "handlers start with default signal dispositions, as inetd's do")
        + rows(
            "IOSchedulingClass IOSchedulingPriority CPUSchedulingPolicy CPUSchedulingPriority CPUSchedulingResetOnFork"
                + " NUMAPolicy NUMAMask TimerSlackNSec CoredumpFilter MemoryKSM Personality", .notExpressible, "",
            "no key for it; start the handler through ionice, chrt, numactl or setarch")

    private static let limitRows =
        [
            ("CPU", "cpu"), ("FSIZE", "fsize"), ("DATA", "data"), ("STACK", "stack"), ("CORE", "core"),
            ("NOFILE", "nofile"), ("AS", "as"), ("NPROC", "nproc"), ("MEMLOCK", "memlock"),
        ].map { DirectiveRow("Limit\($0)", .exact, "rlimits.\($1)", "soft:hard is approximated by the soft one.") }
        + rows(
            "LimitRSS LimitLOCKS LimitSIGPENDING LimitMSGQUEUE LimitNICE LimitRTPRIO LimitRTTIME", .notExpressible,
            "rlimits", "rlimits has nofile, nproc, cpu, as, data, stack, core, fsize and memlock")

    static let killRows =
        [
            DirectiveRow("KillSignal", .exact, "stop_signal"),
            DirectiveRow(
                "KillMode", .exact, "",
                "control-group, by process group. mixed and process are approximated; none has no equivalent."),
            DirectiveRow("SendSIGKILL", .exact, "stop_grace: unlimited"),
        ]
        + rows(
            "SendSIGHUP RestartKillSignal WatchdogSignal FinalKillSignal", .notExpressible, "stop_signal",
            "first stop_signal, after stop_grace KILL: there are no others")

    static let sandboxRows =
        rows(
            "RootImage RootImageOptions RootImagePolicy RootHash RootHashSignature RootVerity RootEphemeral"
                + " ExtensionDirectories ExtensionImages ExtensionImagePolicy MountImages MountImagePolicy BindPaths"
                + " BindReadOnlyPaths ReadWritePaths ReadOnlyPaths InaccessiblePaths ReadWriteDirectories"
                + " ReadOnlyDirectories InaccessibleDirectories ExecPaths NoExecPaths TemporaryFileSystem PrivateTmp"
                + " PrivateDevices PrivateMounts ProtectSystem ProtectHome ProtectKernelTunables ProtectControlGroups"
                + " ProtectProc ProcSubset MountFlags MountAPIVFS BindLogSockets", .notExpressible, "chroot",
            "Baton makes no mount namespaces; start the handler through bwrap or unshare, or keep systemd for it")
        + rows(
            "PrivateNetwork NetworkNamespacePath PrivateUsers PrivateIPC IPCNamespacePath PrivatePIDs ProtectHostname"
                + " DelegateNamespaces", .notExpressible, "",
            "Baton makes no namespaces; start the handler through unshare or nsenter")
        + rows(
            "SystemCallFilter SystemCallArchitectures SystemCallErrorNumber SystemCallLog MemoryDenyWriteExecute"
                + " RestrictNamespaces RestrictRealtime RestrictSUIDSGID RestrictAddressFamilies LockPersonality"
                + " RestrictFileSystems LandlockConfig ProtectKernelModules ProtectKernelLogs ProtectClock PrivateBPF"
                + " BPFDelegateCommands BPFDelegateMaps BPFDelegatePrograms BPFDelegateAttachments", .notExpressible,
            "no_new_privileges, capabilities",
            "Baton installs no filters for system calls; the handler can, or a program in front of it")
        + rows(
            "AmbientCapabilities SecureBits Capabilities", .notExpressible, "capabilities",
            "capabilities is the bounding set; grant one by file capabilities (setcap)")
        + rows(
            "KeyringMode PAMName UtmpIdentifier UtmpMode RemoveIPC", .notExpressible, "",
            "Baton opens no login sessions")
        + rows(
            "SELinuxContext AppArmorProfile SmackProcessLabel", .notExpressible, "",
            "labels come from the policy, by the program's path; or start the handler through runcon or aa-exec")
        + rows(
            "RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve StateDirectory StateDirectoryMode"
                + " StateDirectoryAccounting StateDirectoryQuota CacheDirectory CacheDirectoryMode"
                + " CacheDirectoryAccounting CacheDirectoryQuota LogsDirectory LogsDirectoryMode LogsDirectoryAccounting"
                + " LogsDirectoryQuota ConfigurationDirectory ConfigurationDirectoryMode TimeoutCleanSec",
            .notExpressible, "", "Baton makes no directories for handlers; systemd-tmpfiles can")
        + rows(
            "SetCredential SetCredentialEncrypted LoadCredential LoadCredentialEncrypted ImportCredential",
            .notExpressible, "", "Baton passes no credentials; give the handler a file that its user can read")

    static let resourceRows =
        rows(
            "Slice Delegate DelegateSubgroup", .notExpressible, "cgroup",
            "cgroup puts the handlers into a control group, and makes it where it is missing; set its limits outside")
        + rows(
            "CPUWeight StartupCPUWeight CPUQuota CPUQuotaPeriodSec AllowedCPUs StartupAllowedCPUs AllowedMemoryNodes"
                + " StartupAllowedMemoryNodes MemoryMin DefaultMemoryMin DefaultMemoryLow DefaultStartupMemoryLow MemoryLow"
                + " StartupMemoryLow MemoryHigh StartupMemoryHigh MemoryMax StartupMemoryMax MemorySwapMax"
                + " StartupMemorySwapMax MemoryZSwapMax StartupMemoryZSwapMax MemoryZSwapWriteback TasksMax IOWeight"
                + " StartupIOWeight IODeviceWeight IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax"
                + " IODeviceLatencyTargetSec DisableControllers", .notExpressible, "cgroup",
            "Baton sets no values of control groups; set them in the group that cgroup names")
        + rows(
            "CPUAccounting MemoryAccounting IOAccounting TasksAccounting IPAccounting", .approximated, "cgroup",
            "what is counted is up to the control group")
        + rows(
            "CPUShares StartupCPUShares MemoryLimit BlockIOAccounting BlockIOWeight StartupBlockIOWeight"
                + " BlockIODeviceWeight BlockIOReadBandwidth BlockIOWriteBandwidth NetClass", .approximated, "",
            "systemd itself passes over it by now")
        + [
            DirectiveRow(
                "IPAddressAllow", .approximated, "only_from, no_access",
                "who may connect, where a process per connection is started; what the process may connect to itself is not "
                    + "limited"),
            DirectiveRow(
                "IPAddressDeny", .approximated, "only_from, no_access",
                "who may connect, where a process per connection is started; what the process may connect to itself is not "
                    + "limited"),
        ]
        + rows(
            "IPIngressFilterPath IPEgressFilterPath BPFProgram SocketBindAllow SocketBindDeny RestrictNetworkInterfaces"
                + " NFTSet DeviceAllow DevicePolicy", .notExpressible, "cgroup",
            "Baton loads no filters into control groups")
        + rows(
            "ManagedOOMSwap ManagedOOMMemoryPressure ManagedOOMMemoryPressureLimit ManagedOOMMemoryPressureDurationSec"
                + " ManagedOOMPreference MemoryPressureThresholdSec MemoryPressureWatch CoredumpReceive",
            .notExpressible, "",
            "it is for systemd-oomd and systemd-coredump, which look at systemd's units")
}
