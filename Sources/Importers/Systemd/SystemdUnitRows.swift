// [Unit] and [Install] (systemd.unit(5)).
extension SystemdRow {
    /// Why dependencies mean nothing here.
    private static let order =
        "nothing has an order: Baton binds all sockets at once, and retries those that cannot be bound yet"
    private static let others = "Baton manages its services only; see that what this one needs is there"

    static let unitRows =
        [
            DirectiveRow("Description", .exact, "", "It becomes a comment."),
            DirectiveRow("Documentation", .exact, "", "It becomes a comment."),
            DirectiveRow("SourcePath", .exact, "", "It says where a generated unit comes from."),
        ]
        + rows("Before After DefaultDependencies", .approximated, "", order)
        + rows(
            "Requires Requisite Wants BindsTo BindTo Upholds Conflicts PartOf RequiresOverridable RequisiteOverridable",
            .approximated, "", others)
        + rows("RequiresMountsFor WantsMountsFor", .approximated, "", others)
        + rows(
            "OnSuccess OnFailure OnSuccessJobMode OnFailureJobMode OnFailureIsolate FailureAction SuccessAction"
                + " FailureActionExitStatus SuccessActionExitStatus StartLimitAction RebootArgument JobTimeoutAction"
                + " JobTimeoutRebootArgument", .notExpressible, "",
            "Baton starts nothing when a service fails; follow baton events")
        + rows(
            "PropagatesReloadTo PropagateReloadTo ReloadPropagatedFrom PropagateReloadFrom PropagatesStopTo"
                + " StopPropagatedFrom JoinsNamespaceOf StopWhenUnneeded RefuseManualStart RefuseManualStop AllowIsolate"
                + " SurviveFinalKillSignal IgnoreOnIsolate IgnoreOnSnapshot JobTimeoutSec JobRunningTimeoutSec CollectMode",
            .approximated, "", "it is about systemd's own jobs, of which Baton has none")
        + [
            DirectiveRow(
                "StartLimitIntervalSec", .approximated, "trigger_limit",
                "trigger_limit pauses for a while; systemd fails the unit until a person comes"),
            DirectiveRow(
                "StartLimitInterval", .approximated, "trigger_limit", "the older name of StartLimitIntervalSec="),
            DirectiveRow(
                "StartLimitBurst", .approximated, "trigger_limit",
                "trigger_limit pauses for a while; systemd fails the unit until a person comes"),
        ]

    static let conditionRows = ["Condition", "Assert"].flatMap { kind in
        [
            "PathExists", "PathExistsGlob", "PathIsDirectory", "PathIsSymbolicLink", "PathIsMountPoint",
            "PathIsReadWrite", "PathIsEncrypted", "DirectoryNotEmpty", "FileNotEmpty", "FileIsExecutable",
            "NeedsUpdate",
            "FirstBoot", "Architecture", "Firmware", "Virtualization", "Host", "KernelCommandLine", "KernelVersion",
            "Version", "Credential", "Security", "Capability", "ACPower", "Memory", "CPUFeature", "CPUs", "Environment",
            "User", "Group", "ControlGroupController", "OSRelease", "MemoryPressure", "CPUPressure", "IOPressure",
            "KernelModuleLoaded",
        ].map {
            DirectiveRow(
                kind + $0, .notExpressible, "enabled",
                "Baton checks no conditions; enabled says whether a service is served")
        }
    }

    static let installRows =
        [
            DirectiveRow(
                "WantedBy", .exact, "enabled",
                "A service in the table is served from the start. In a service unit it is approximated: it starts with its "
                    + "first client, not at boot."),
            DirectiveRow("RequiredBy", .exact, "enabled", "As WantedBy=."),
            DirectiveRow("UpheldBy", .exact, "enabled", "As WantedBy=."),
            DirectiveRow("DefaultInstance", .exact, "", "It names the instance of a template that is imported."),
        ]
        + rows("Also", .approximated, "", "units are imported by name: import that one too if it is a socket")
        + rows("Alias", .approximated, "", "a service has one name")
}
