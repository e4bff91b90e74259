import Importers
import Testing

/// xinetd.conf as a whole: defaults, includes, names, and what does not parse.
@Suite struct XinetdFileTests {
    private static let echo = "service echo\n{\n type = INTERNAL\n socket_type = stream\n wait = no\n}\n"

    private func imported(_ text: String) throws -> Imported { try Imported(.xinetd, ("xinetd.conf", text)) }

    @Test("defaults: lists add up and are changed by services, single values are taken where none is given")
    func defaults() throws {
        let imported = try imported(
            """
            defaults
            {
             only_from = 10.0.0.1
             only_from = 10.0.0.2
             instances = 7
             umask = 077
             log_on_success = PID
             env = A=b
            }
            service a
            {
             type = INTERNAL
             id = a
             socket_type = stream
             wait = no
             only_from += 10.0.0.3
             only_from -= 10.0.0.1
             log_on_success += EXIT
            }
            \(Self.echo.replacing("echo", with: "time").replacing(" wait", with: " only_from = 10.0.0.9\n wait"))
            \(Self.echo.replacing(" wait", with: " instances = 3\n wait"))
            """.replacing("service a\n", with: "service discard\n"))
        #expect(
            imported.services == """
                a:
                  listen: tcp://*:discard
                  internal: discard
                  only_from: [10.0.0.2, 10.0.0.3]
                  instances: 7
                  on_limit: refuse
                  log_on: [start, exit]
                time:
                  listen: tcp://*:time
                  internal: time
                  only_from: [10.0.0.9]
                  instances: 7
                  on_limit: refuse
                  log_on: [start]
                echo:
                  listen: tcp://*:echo
                  internal: echo
                  only_from: [10.0.0.1, 10.0.0.2]
                  instances: 3
                  on_limit: refuse
                  log_on: [start]
                """)
        #expect(imported.remarks.contains { $0.contains("8 approximated") && $0.contains("cannot stand in defaults") })
    }

    @Test("defaults behind a service come too late for its lists; a second one is passed over")
    func lateDefaults() throws {
        let defaults = "defaults\n{\n only_from = 10.0.0.1\n instances = 5\n}\n"
        let imported = try imported(
            Self.echo + defaults + defaults.replacing("5", with: "6") + Self.echo.replacing("echo", with: "time"))
        #expect(imported.services.contains("internal: echo\n  instances: 5"))
        #expect(imported.services.contains("internal: time\n  only_from: [10.0.0.1]\n  instances: 5"))
        #expect(imported.report.directives.filter { $0.fidelity.kind == .approximated }.count == 3)
    }

    @Test("enabled and disabled choose by id; disable stays")
    func enabled() throws {
        let services =
            Self.echo + Self.echo.replacing("echo", with: "time").replacing("wait = no", with: "wait = no\n id = t")
            + Self.echo.replacing("echo", with: "discard").replacing("wait = no", with: "wait = no\n disable = yes")
        func enabled(_ defaults: String) throws -> [String] {
            try imported("defaults\n{\n \(defaults)\n}\n" + services).report.table.services
                .filter { $0["enabled"] == nil }.map(\.name)
        }
        #expect(try enabled("enabled = t discard") == ["t"])
        #expect(try enabled("disabled = echo") == ["t"])
        #expect(try enabled("enabled = echo t\n disabled = t") == ["echo"])
        #expect(try enabled("instances = 5") == ["echo", "t"])
    }

    @Test("include and includedir, in the order of names; names with a dot and backups are left out; circles end")
    func includes() throws {
        func named(_ name: String) -> String { Self.echo.replacing("wait", with: "id = \(name)\n wait") }
        let imported = try Imported(
            .xinetd, ("xinetd.conf", named("top") + "includedir d\ninclude one.conf\ninclude gone\n"),
            ("d/b", named("b")), ("d/a", named("a")), ("d/c.rpmsave", "rubbish\n"), ("d/d~", "rubbish\n"),
            ("one.conf", named("one") + "include xinetd.conf\n"))
        #expect(imported.report.table.services.map(\.name) == ["top", "a", "b", "one"])
        #expect(imported.report.errors.map(\.place.line) == [8, 10])
        #expect(imported.report.errors[1].message.contains("gone"))
        let directory = try Imported(
            .xinetd, ("d/b", named("b")), ("d/a", named("a")), ("d/x.y", "rubbish\n"), path: "d")
        #expect(directory.report.table.services.map(\.name) == ["a", "b"])
        #expect(directory.yaml.contains("read as by includedir"))
        #expect(directory.report.errors.isEmpty)
    }

    @Test("several entries of one name live side by side")
    func names() throws {
        let imported = try imported(
            Self.echo + Self.echo + Self.echo.replacing("stream", with: "dgram").replacing("= no", with: "= yes"))
        #expect(imported.report.table.services.map(\.name) == ["echo", "echo-tcp", "echo-udp"])
    }

    @Test("what does not parse costs its own entry only, and exit 78")
    func broken() throws {
        let imported = try imported(
            """
            rubbish
            \(Self.echo)
            service a {
             socket_type = stream
            }
            service b
            {
             port=1
             user = x
            }
            service c
            {
             user = y
            \(Self.echo.replacing("echo", with: "time"))
            }
            include
            service d
            {
             disable
            }
            service e
            {
             user = z

            """)
        #expect(imported.report.table.services.map(\.name) == ["echo", "time"])
        #expect(imported.report.errors.map(\.place.line) == [1, 9, 10, 14, 12, 15, 17, 19, 27, 28, 31, 29, 33, 35])
        #expect(imported.report.outcome == .unparsed)
        #expect(imported.faults.isEmpty)
    }

    @Test("comments stay with their entries")
    func comments() throws {
        let imported = try imported(
            "# default: on\n# description: echoes\n" + Self.echo.replacing("{", with: "{\n# inside"))
        #expect(imported.yaml.contains("  # default: on\n  # description: echoes\n  # inside\n  echo:\n"))
    }

    @Test("every attribute of xinetd.conf(5) has a row in the guide")
    func rows() {
        // The attributes of the manual of Debian's xinetd 2.3.15.3 and of the last one of openSUSE.
        let manual = """
            id type flags disable socket_type protocol wait user group instances nice server server_args libwrap \
            only_from no_access access_times log_type log_on_success log_on_failure rpc_version rpc_number env passenv \
            port redirect bind interface banner banner_success banner_fail per_source cps leaky_bucket max_load groups \
            mdns umask enabled disabled include includedir rlimit_as rlimit_files rlimit_cpu rlimit_data rlimit_rss \
            rlimit_stack deny_time v6only
            """
        let table = Importers.table(of: .xinetd)
        let names = Set(table.rows.map(\.name))
        for name in manual.split(separator: " ") { #expect(names.contains(String(name)), "\(name)") }
        for flag in ["INTERCEPT", "NORETRY", "IDONLY", "NAMEINARGS", "NODELAY", "KEEPALIVE", "NOLIBWRAP", "SENSOR"]
            + ["IPv4", "IPv6", "LABELED", "REUSE"]
        { #expect(names.contains("flags = \(flag)"), "\(flag)") }
        #expect(names.count == table.rows.count)
        #expect(
            table.rows.allSatisfy { $0.fidelity == .exact ? !$0.key.isEmpty || !$0.note.isEmpty : !$0.note.isEmpty })
    }
}
