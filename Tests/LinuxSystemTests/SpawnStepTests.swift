import Foundation
import LinuxSystem
import TestSupport
import Testing

/// What a spawned process is, seen from outside.
@Suite struct SpawnStepTests {
    @Test("argv and the environment are exactly the plan's")
    func argumentsAndEnvironment() throws {
        try withCat({
            $0.arguments = ["other name", "-", "-"]
            $0.environment = ["A=1", "EMPTY=", "PATH=/bin"]
        }) { cat in
            #expect(cat.arguments == ["other name", "-", "-"])
            #expect(cat.environment == ["A": "1", "EMPTY": "", "PATH": "/bin"])
        }
        try withCat { #expect($0.environment.isEmpty) }
    }

    @Test("LISTEN_PID is the child's own number", arguments: [[], ["LISTEN_FDS=1"]])
    func listenPID(environment: [String]) throws {
        try withCat({
            $0.environment = EnvironmentBlock(environment)
            $0.announcesListenPID = true
        }) { cat in
            #expect(cat.environment["LISTEN_PID"] == "\(cat.pid)")
            #expect(cat.environment.count == environment.count + 1)
        }
    }

    @Test("nothing is ignored or blocked, although the parent ignores and blocks")
    func signals() throws {
        signal(SIGUSR1, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        defer { signal(SIGUSR1, SIG_DFL) }
        var blocked = sigset_t()
        sigfillset(&blocked)
        var before = sigset_t()
        pthread_sigmask(SIG_SETMASK, &blocked, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try withCat { cat in
            for mask in ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"] {
                #expect(cat.status(mask) == "0000000000000000", "\(mask)")
            }
        }
        // The parent's own mask is what it was.
        var now = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &now)
        #expect(sigismember(&now, SIGUSR2) == 1)
    }

    @Test("the process leads a session and a group of its own")
    func session() throws {
        try withCat { cat in
            #expect(cat.session == cat.pid)
            #expect(cat.processGroup == cat.pid)
            #expect(cat.parent == getpid())
        }
    }

    @Test("umask, nice and resource limits are the plan's")
    func attributes() throws {
        try withCat({
            $0.umask = 0o027
            $0.nice = 7
            $0.resourceLimits = [
                .init(resource: Int32(RLIMIT_NOFILE.rawValue), soft: 55, hard: 66),
                .init(resource: Int32(RLIMIT_CORE.rawValue), soft: 0, hard: 0),
            ]
        }) { cat in
            #expect(cat.status("Umask") == "0027")
            #expect(cat.nice == 7)
            let files = cat.limit("Max open files")
            #expect(files?.soft == "55" && files?.hard == "66")
            #expect(cat.limit("Max core file size")?.hard == "0")
        }
    }

    @Test("a plan that says nothing of nice leaves the parent's")
    func niceUntouched() throws {
        try withCat { #expect($0.nice == ProcessView.own.nice) }
    }

    @Test("the working directory is the plan's")
    func directory() throws {
        try withCat({ $0.directory = "/usr" }) { #expect($0.directory == "/usr") }
        try withCat { #expect($0.directory == "/") }
    }

    @Test("program and directory lie inside chroot, files outside", .enabled(if: geteuid() == 0))
    func chroot() throws {
        let directory = try TemporaryDirectory()
        // Where / has links into /usr, /usr alone is a root with programs and libraries.
        try withCat({
            $0.chroot = "/usr"
            $0.directory = "/share"
            $0.descriptors[2] = .file(directory.path("errors"))
        }) { cat in
            #expect(cat.root == "/usr")
            #expect(cat.directory == "/usr/share")
            #expect(cat.descriptors[2] == directory.path("errors"))
        }
    }

    @Test("all ids become the identity's, and the groups are its groups alone", .enabled(if: geteuid() == 0))
    func identity() throws {
        try withCat({ $0.identity = .init(uid: 65534, gid: 4711, groups: [30, 7]) }) { cat in
            #expect(cat.users == Array(repeating: "65534", count: 4))
            #expect(cat.groups == Array(repeating: "4711", count: 4))
            #expect(cat.supplementaryGroups == ["7", "30"])
        }
    }

    @Test("a group without a user leaves the user", .enabled(if: geteuid() == 0))
    func groupOnly() throws {
        try withCat({ $0.identity = .init(uid: nil, gid: 4711, groups: []) }) { cat in
            #expect(cat.effectiveUser == "\(geteuid())")
            #expect(cat.effectiveGroup == "4711")
            #expect(cat.supplementaryGroups.isEmpty)
        }
    }

    @Test("who may not change his identity may ask for the one he has")
    func ownIdentity() throws {
        var groups = [gid_t](repeating: 0, count: 1024)
        let count = try check("getgroups") { getgroups(1024, &groups) }
        let own = Array(groups.prefix(Int(count)).reversed())
        try withCat({ $0.identity = .init(uid: getuid(), gid: getgid(), groups: own) }) { cat in
            #expect(cat.effectiveUser == "\(getuid())")
        }
    }
}
