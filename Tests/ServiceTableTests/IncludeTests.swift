import Glibc
import Testing

@testable import ServiceTable

@Suite("include and defaults")
struct IncludeTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// The faults without the directory's name.
    private func read(_ name: String = "top") -> (table: ServiceTable?, faults: [String]) {
        let loaded = ServiceTableReader.read(file: "\(directory.path)/\(name)", resolving: false)
        return (loaded.table, loaded.faults.map { strip($0.description) })
    }

    private func strip(_ text: String) -> String {
        var rest = text[...]
        var result = ""
        let prefix = directory.path + "/"
        while !rest.isEmpty {
            if rest.hasPrefix(prefix) { rest = rest.dropFirst(prefix.count) } else { result.append(rest.removeFirst()) }
        }
        return result
    }

    @Test("paths and globs are relative to the file that names them; a pattern may match nothing")
    func includes() throws {
        try directory.write("top", "include: [b.yaml, 'c*.yaml', 'none*']\nservices: {a: {listen: 1, internal: echo}}")
        try directory.write("b.yaml", "services: {b: {listen: 2, internal: echo}}")
        try directory.write("c1.yaml", "include: [\(directory.path)/d]\nservices: {c1: {listen: 3, internal: echo}}")
        try directory.write("c2.yaml", "services: {c2: {listen: 4, internal: echo}}")
        try directory.write("d", "services: {d: {listen: 5, internal: echo}}")
        let (table, faults) = read()
        #expect(faults.isEmpty)
        #expect(table?.services.map(\.name) == ["a", "b", "c1", "d", "c2"])
    }

    @Test("only includes, and no services of its own, make a table; nothing at all does not")
    func onlyIncludes() throws {
        try directory.write("top", "include: [a]")
        try directory.write("a", "services: {a: {listen: 1, internal: echo}}")
        #expect(read().faults.isEmpty)
        try directory.write("top", "include: ['none*']")
        #expect(read().faults == ["top:1:1: error: there is no service in the table"])
    }

    @Test("what an include cannot be")
    func faulty() throws {
        try directory.write(
            "top",
            "include: [no-such, top, twice, twice, empty, {inetd: ''}, {inetd: /x, xinetd: /y}, 5, '']\n"
                + YAMLTests.good)
        try directory.write("twice", "services: {t: {listen: 2, internal: echo}}")
        try directory.write("empty", "")
        #expect(
            read().faults == [
                "top:1:11: error: include: no-such: cannot be read: No such file or directory",
                "top:1:20: error: include: top includes itself",
                "top:1:32: error: include: twice is included already",
                "top:1:54: error: include.inetd: expected a path, not \"\"",
                "top:1:59: error: include: expected a path, or one of inetd, xinetd and systemd with a path, not a mapping",
                "top:1:84: error: include: 5: cannot be read: No such file or directory",
                "top:1:87: error: include: expected a path, or one of inetd, xinetd and systemd with a path, not \"\"",
                "empty:1:1: error: the file is empty; a table needs `services`",
            ])
    }

    @Test("a cycle is a fault at the include that closes it")
    func cycle() throws {
        try directory.write("top", "include: [a]\n" + YAMLTests.good)
        try directory.write("a", "include: [b]")
        try directory.write("b", "include: [top]")
        #expect(read().faults == ["b:1:11: error: include: top includes itself"])
    }

    @Test("an include that others can write is a fault, and so is one that is not YAML; the rest is still read")
    func untrusted() throws {
        try directory.write(
            "top", "include: [a, b]\nservices: {s: {listen: x y, route: {rules: [{match: ssh, to: q}]}}}")
        try directory.write("a", "services: {a: {listen: 1, internal: ech}}", mode: 0o666)
        try directory.write("b", "services: {")
        let faults = read().faults
        #expect(faults.count == 4, "\(faults)")
        #expect(faults.contains("a: error: others can write the file (mode 666); chmod go-w"))
        #expect(faults.contains { $0.hasPrefix("a:1:37: error: services.a.internal: expected echo") })
        #expect(
            faults.contains { $0.hasPrefix("b:2:1: error: not YAML: did not find expected node content") }, "\(faults)")
        // With a file missing, a name that is not known may stand there.
        #expect(!faults.contains { $0.contains("there is no service") })
    }

    @Test("what is about the supervisor belongs in the top file")
    func topKeys() throws {
        try directory.write("top", "include: [a]\n" + YAMLTests.good)
        try directory.write("a", "log: {level: debug}\nservices: {a: {listen: 2, internal: echo}}")
        #expect(
            read().faults == [
                "a:1:1: error: log: it is about the supervisor as a whole and belongs in the top file"
            ])
    }

    @Test("a service's name in two files is a fault that names the other place")
    func twice() throws {
        try directory.write("top", "include: [a]\n" + YAMLTests.good)
        try directory.write("a", "\nservices: {s: {listen: 2, internal: echo}}")
        #expect(read().faults == ["a:2:12: error: services.s: a service of this name stands at top:2 already"])
    }

    @Test("defaults apply to their own file, the top file's to includes too; mappings merge, the rest is replaced")
    func defaults() throws {
        try directory.write(
            "top",
            """
            include: [a]
            defaults: {instances: 5, umask: 077, env: {A: top, B: top}, pass_env: [TZ], socket: {backlog: 9, free_bind: true}}
            services:
              s: {listen: 1, exec: /a, umask: 027, env: {B: own, C: own}, socket: {backlog: 3}}
            """)
        try directory.write(
            "a",
            """
            defaults: {instances: 6, env: {B: a}, rlimits: {nofile: 7}}
            services:
              t: {listen: 2, exec: /a, rlimits: {nproc: 8}, pass_env: [LANG]}
            """)
        let (table, faults) = read()
        #expect(faults.isEmpty)
        let services = try #require(table).services
        #expect(services[0].instances == 5 && services[1].instances == 6)
        #expect(services[0].process.umask == 0o27 && services[1].process.umask == 0o77)
        func environment(_ service: Service) -> [String] {
            service.process.environment.map { "\($0.name)=\($0.value)" }
        }
        #expect(environment(services[0]) == ["A=top", "B=own", "C=own"])
        #expect(environment(services[1]) == ["A=top", "B=a"])
        #expect(services[0].process.passEnvironment == ["TZ"] && services[1].process.passEnvironment == ["LANG"])
        #expect(services[0].endpoints[0].options.backlog == 3 && services[0].endpoints[0].options.freeBind)
        #expect(services[1].endpoints[0].options.backlog == 9)
        #expect(
            services[1].process.resourceLimits == [
                ResourceLimit(resource: .nofile, value: 7), ResourceLimit(resource: .nproc, value: 8),
            ])
    }

    @Test("+key adds to the default list and -key removes from it")
    func changes() throws {
        let table = try #require(
            load(
                """
                defaults: {pass_env: [A, B, C]}
                services:
                  a: {listen: 1, exec: /a, +pass_env: [D], -pass_env: [B]}
                  b: {listen: 2, exec: /a}
                  c: {listen: 3, exec: /a, -pass_env: [C, A]}
                  d: {listen: 4, exec: /a, pass_env: []}
                """
            ).table)
        #expect(
            table.services.map(\.process.passEnvironment) == [["A", "C", "D"], ["A", "B", "C"], ["B"], []])
        #expect(try service("{listen: 1, exec: /a, +pass_env: [D]}").process.passEnvironment == ["D"])
    }

    @Test(
        "changes that cannot be",
        arguments: [
            ("-pass_env: [X]", "2:39: error: services.s.-pass_env: \"X\" is not in the default"),
            (
                "pass_env: [B], +pass_env: [C]",
                "2:42: error: services.s.+pass_env: pass_env stands beside it: either replace the default or change it"
            ),
            ("+env: {A: b}", "2:27: error: services.s.+env: + and - are for lists of defaults; env is none"),
            ("+umask: [1]", "2:27: error: services.s.+umask: + and - are for lists of defaults; umask is none"),
            ("+listen: [2]", "2:27: error: services.s.+listen: + and - are for lists of defaults; listen is none"),
            ("+pass_env: C", "2:38: error: services.s.+pass_env: expected a list, not \"C\""),
            ("+pas_env: [C]", "2:27: error: services.s.pas_env: unknown key; did you mean pass_env?"),
            ("+groups: [5]", "2:36: error: services.s.+groups: the default is \"init\" and no list"),
        ])
    func faultyChanges(key: String, fault: String) {
        let text =
            "defaults: {pass_env: [A], user: root, groups: init}\nservices: {s: {listen: 1, \(key), internal: echo}}"
        #expect(faults(text).filter { !$0.contains("warning") } == [fault])
    }

    @Test("what is wrong in defaults is told once, and what cannot stand there is a fault")
    func faultyDefaults() {
        #expect(
            faults(
                """
                defaults:
                  listen: 1
                  umask: 9
                  +pass_env: [A]
                  umsk: 5
                  rate: 5/d
                  env: {'': x}
                services:
                  a: {listen: 1, internal: echo}
                  b: {listen: 2, internal: echo, umask: 8}
                """
            ).filter { !$0.contains("warning") } == [
                "2:3: error: defaults.listen: it belongs to one service and cannot stand in defaults",
                "3:10: error: defaults.umask: expected octal digits up to 777, such as 022, not \"9\"",
                "4:3: error: defaults.+pass_env: + and - stand in services only; write pass_env",
                "5:3: error: defaults.umsk: unknown key; did you mean umask?",
                "6:9: error: defaults.rate: expected a rate such as 50/s, 600/min or 1000/h, or a mapping of rate or burst, or unlimited, not \"5/d\"",
                "7:9: error: defaults.env.: the name of a variable is not empty and has no =",
                "10:41: error: services.b.umask: expected octal digits up to 777, such as 022, not \"8\"",
            ])
        #expect(
            faults("defaults: 5\n" + YAMLTests.good) == [
                "1:11: error: defaults: expected a mapping of service keys, not \"5\""
            ])
    }

    @Test("more files than a table may have are a fault, not a long wait")
    func manyFiles() throws {
        for number in 0..<300 {
            try directory.write("f\(number).yaml", "services: {s\(number): {listen: 0, internal: echo}}")
        }
        try directory.write("top", "include: ['*.yaml']")
        #expect(read().faults == ["top:1:11: error: include: a table has at most 256 files and 8388608 bytes in all"])
    }
}
