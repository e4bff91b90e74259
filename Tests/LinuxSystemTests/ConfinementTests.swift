import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// What a confined process is, may do, and may not do: in processes of their own, for there is no way back.
@Suite(.enabled(if: geteuid() == 0)) struct ConfinementTests {
    private let program = Repository.product("baton-confined")
    private let calls = Repository.product("baton-system-calls")
    /// Nobody's.
    private let user = "4711:4712"

    @Test("all ids, no capability, no new privileges, a list of calls, and nobody of the same user looks in")
    func state() throws {
        try withConfined(["all", "4711:4712,30,7", "-"]) { process in
            #expect(process.users == Array(repeating: "4711", count: 4))
            #expect(process.groups == Array(repeating: "4712", count: 4))
            #expect(process.supplementaryGroups == ["7", "30"])
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(process.status(set) == "0000000000000000", "\(set)")
            }
            #expect(process.status("NoNewPrivs") == "1")
            #expect(process.status("Seccomp") == "2")
            #expect(process.owner == 0)
            // Neither a rule of landlock nor what it needs to let go of its code stays open.
            #expect(process.descriptors.keys.sorted() == [0, 1, 2])
        }
    }

    @Test("the program that it becomes is as confined, and not dumpable once it has said so")
    func exec() throws {
        try withConfined(["all", user, program, "-", "-", "-"]) { process in
            #expect(process.owner == 4711)
        }
        try withConfined(["all", user, program, "resume", "-", "-"]) { process in
            #expect(process.owner == 0)
            #expect(process.status("CapBnd") == "0000000000000000")
            #expect(process.status("NoNewPrivs") == "1")
            #expect(process.status("Seccomp") == "2")
        }
    }

    @Test("what a worker does works, and the same list is in force in the program after an execveat")
    func needed() throws {
        let process = try ConfinedProcess("all", user, "needed")
        let families = [
            "events", "signals", "internet 4", "internet 6", "datagrams", "local", "descriptors", "interfaces",
            "streams",
            "memory", "clocks", "limits", "closers", "children", "files",
        ]
        for family in families { #expect(process.results[family] == "ok", "\(family)") }
        #expect(process.results["ptrace"] == "EPERM")
    }

    @Test("what it may not do is refused with EPERM even where root may, and unknown calls as by an older kernel")
    func refused() throws {
        let process = try ConfinedProcess("listedCalls", "-", "refused")
        var results = process.results
        #expect(results.removeValue(forKey: "clone3") == "ENOSYS")
        #expect(results.removeValue(forKey: "unknown") == "ENOSYS")
        #expect(results.count > 80)
        for (call, result) in results { #expect(result == "EPERM", "\(call)") }
    }

    @Test(
        "none of those calls is refused with EPERM without the list",
        .enabled(if: ProcessView.own.status("Seccomp") == "0"))
    func refusedOnlyByTheList() throws {
        let process = try ConfinedProcess("-", "-", "refused")
        #expect(process.results.count > 80)
        for (call, result) in process.results { #expect(result != "EPERM", "\(call)") }
    }

    @Test("files that are its own it reads, but neither changes, makes nor removes")
    func files() throws {
        let changes = [
            "write", "append", "truncate", "make", "mkdir", "mkfifo", "symlink", "link", "rename", "unlink", "rmdir",
            "bind",
        ]
        let restricted = try inOwnDirectory {
            try ConfinedProcess("noNewPrivileges,fixedFiles", user, "changes", directory: $0)
        }
        for change in changes { #expect(restricted.results[change] == "EACCES", "\(change)") }
        #expect(restricted.results["read"] == "ok")
        #expect(restricted.results["list"] == "ok")
        let free = try inOwnDirectory { try ConfinedProcess("noNewPrivileges", user, "changes", directory: $0) }
        for change in changes where change != "unlink" && change != "rmdir" {
            #expect(free.results[change] == "ok", "\(change)")
        }
    }

    @Test("no TCP port, no signal to others, no code that was written")
    func others() throws {
        let free = try ConfinedProcess("noNewPrivileges", "-", "others")
        #expect(free.results.values.allSatisfy { $0 == "ok" } && free.results.count == 4)
        let process = try ConfinedProcess("noNewPrivileges,noTCPPorts,ownSignals,fixedCode", "-", "others")
        #expect(process.results["bind"] == "EACCES")
        #expect(process.results["signal parent"] == "EPERM")
        #expect(process.results["signal self"] == "ok")
        #expect(process.results["write memory, then execute it"] == "EACCES")
    }

    @Test("an identity that it cannot take stops it; the one that it has does not, and what is missing is told")
    func withoutPrivilege() throws {
        let stranger = try ConfinedProcess(["-", "4711:4712,7", program, "all", "4713:4712,7", calls, "others"])
        #expect(stranger.status == .exited(1))
        #expect(stranger.errors.contains("identity: \(Errno.notPermitted)"))
        #expect(stranger.results.isEmpty)
        let own = try ConfinedProcess(["-", "4711:4712,7", program, "all", "4711:4712,7", calls, "others"])
        #expect(own.errors.hasSuffix("missing: no capabilities (\(Errno.notPermitted))\n"))
        #expect(own.results["bind"] == "EACCES")
    }

    @Test("each measure that the kernel refuses is told, and the others are taken")
    func missing() throws {
        // Landlock and a list want no_new_privs or CAP_SYS_ADMIN first.
        let process = try ConfinedProcess("noCapabilities,fixedCode,fixedFiles,noTCPPorts,listedCalls", user, "others")
        let refused: [Confinement.Measure] = [.fixedFiles, .noTCPPorts, .listedCalls]
        #expect(process.errors.contains(Errno.notPermitted.description))
        for measure in Confinement.Measure.allCases {
            #expect(process.errors.contains(measure.rawValue) == refused.contains(measure), "\(measure)")
        }
        #expect(process.results["write memory, then execute it"] == "EACCES")
        #expect(try ConfinedProcess("all", user, "others").errors == "all measures\n")
    }
}

/// Runs `body` with a directory that has what `baton-system-calls changes` expects, all of it the user's.
private func inOwnDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = try TemporaryDirectory()
    try directory.write("file", "text")
    try check("mkdir") { mkdir(directory.path("directory"), 0o755) }
    for name in [directory.path, directory.path("file"), directory.path("directory")] {
        try check("chown") { chown(name, 4711, 4712) }
    }
    return try withExtendedLifetime(directory) { try body(directory.path) }
}

extension ProcessView {
    /// Of what only its owner may read in /proc: root, where the process is not dumpable.
    fileprivate var owner: uid_t? {
        var status = stat()
        return stat("/proc/\(pid)/environ", &status) == 0 ? status.st_uid : nil
    }
}
