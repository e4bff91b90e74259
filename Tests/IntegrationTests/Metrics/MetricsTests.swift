import Foundation
import TestSupport
import Testing

/// `baton metrics` and `metrics.listen`.
@Suite struct MetricsTests {
    private static let table = """
        metrics: {listen: ["127.0.0.1:0", {address: SOCKET, mode: "0600"}]}
        services:
          date: {listen: "127.0.0.1:0", exec: [/bin/date]}
          app: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
          echo: {listen: "127.0.0.1:0", internal: echo}
        """

    private func withMetrics(_ scenario: (RunningSupervisor) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        let table = Self.table.replacingOccurrences(of: "SOCKET", with: directory.path("metrics.sock"))
        try withSupervisor(table, in: directory, scenario)
    }

    /// Three connections of `date`, and two of `app`, one of them held.
    private func work(_ supervisor: RunningSupervisor) throws -> (RegisteredHandler, [TestSocket]) {
        for _ in 0..<3 { _ = try TestSocket.tcp(port: supervisor.port("date")).receiveText() }
        let handler = try RegisteredHandler("app", at: supervisor)
        var clients: [TestSocket] = []
        for _ in 0..<2 {
            clients.append(try TestSocket.tcp(port: supervisor.port("app")))
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            if clients.count == 1 { try handler.done(baton.id) }
        }
        try supervisor.waitForService("app", "one held") { $0.connections.active == 1 && $0.connections.ended == 1 }
        try supervisor.waitForService("date", "three gone") { $0.connections.ended == 3 }
        return (handler, clients)
    }

    private func curl(_ arguments: String...) throws -> String {
        let output = try runProgram("/usr/bin/curl", ["-sS", "--max-time", "20"] + arguments)
        #expect(output.status == .exited(0), "\(output.standardError)")
        return output.standardOutput
    }

    private func url(_ supervisor: RunningSupervisor) throws -> String {
        "http://127.0.0.1:\(try supervisor.port("metrics"))/metrics"
    }

    /// What a strict parser finds: sample → value.
    private func samples(_ text: String, parser: String) throws -> [String: Double] {
        let directory = try TemporaryDirectory()
        let program = """
            import json, sys
            from prometheus_client.\(parser) import text_string_to_metric_families as parse
            found = {}
            for family in parse(open(sys.argv[1]).read()):
                for sample in family.samples:
                    labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
                    found[f"{sample.name}{{{labels}}} {family.type}"] = sample.value
            json.dump(found, sys.stdout)
            """
        let file = try directory.write("text", text)
        let output = try runProgram("/usr/bin/python3", ["-c", program, file])
        #expect(output.status == .exited(0), "\(output.standardError)")
        let found = try JSONSerialization.jsonObject(with: Data(output.standardOutput.utf8))
        return try #require(found as? [String: Double])
    }

    /// Neither a fault nor a name against Prometheus' conventions.
    private func expectPromtoolFindsNothing(in text: String) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("text", text)
        let output = try runProgram("/bin/sh", ["-c", #"exec promtool check metrics <"$0""#, file])
        #expect(output.status == .exited(0))
        #expect(output.standardOutput + output.standardError == "")
    }

    private func expectWork(in found: [String: Double]) {
        #expect(found["baton_connections_accepted_total{service=date} counter"] == 3)
        #expect(found["baton_connections_ended_total{service=date} counter"] == 3)
        #expect(found["baton_processes_spawned_total{service=date} counter"] == 3)
        #expect(found["baton_spawn_seconds_count{service=date} histogram"] == 3)
        #expect(found["baton_connections_handed_off_total{service=app} counter"] == 2)
        #expect(found["baton_connections_active{service=app} gauge"] == 1)
        #expect(found["baton_handoff_seconds_count{service=app} histogram"] == 2)
        #expect(found["baton_queue_seconds_bucket{le=+Inf,service=app} histogram"] == 2)
        #expect(found["baton_handlers{service=app,state=ready} gauge"] == 1)
        #expect(found["baton_listeners{service=metrics,state=listening} gauge"] == 2)
        #expect(found["baton_healthy{} gauge"] == 1)
        #expect(found["baton_connections_queued{service=metrics} gauge"] == 0)
    }

    @Test("baton metrics prints what a strict OpenMetrics parser takes, and the numbers are those of the status")
    func command() throws {
        try withMetrics { supervisor in
            let (handler, clients) = try work(supervisor)
            let output = try supervisor.baton("metrics")
            #expect(output.status == .exited(0))
            expectWork(in: try samples(output.standardOutput, parser: "openmetrics.parser"))
            let json = try supervisor.baton("metrics", "--json")
            let reply = try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [String: Any]
            #expect((reply?["text"] as? String)?.hasSuffix("# EOF\n") == true)
            let wrong = try supervisor.control().request("metrics", params: ["services": ["app"]])
            #expect((wrong["error"] as? [String: Any])?["code"] as? String == "bad_request")
            handler.die()
            clients.forEach { $0.close() }
        }
    }

    @Test("over HTTP they come in the format that is asked for, over TCP and over Unix sockets")
    func scrapes() throws {
        try withMetrics { supervisor in
            let (handler, clients) = try work(supervisor)
            let text = try curl(try url(supervisor))
            expectWork(in: try samples(text, parser: "parser"))
            try expectPromtoolFindsNothing(in: text)
            let open = try curl(
                "--unix-socket", supervisor.directory.path("metrics.sock"), "http://baton/metrics", "-H",
                "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
            let found = try samples(open, parser: "openmetrics.parser")
            expectWork(in: found)
            #expect(found["baton_connections_active{service=metrics} gauge"] == 1, "the scrape itself")
            #expect(found["baton_connections_accepted_total{service=metrics} counter"] == 2)
            handler.die()
            clients.forEach { $0.close() }
            try supervisor.waitForService("metrics", "two scrapes") {
                $0.connections.ended == 2 && $0.connections.isBalanced
            }
        }
    }

    @Test("scrapes leave no line in the log at info")
    func quiet() throws {
        try withMetrics { supervisor in
            for _ in 0..<3 { _ = try curl(try url(supervisor)) }
            try supervisor.waitForService("metrics", "three scrapes") { $0.connections.ended == 3 }
            #expect(!supervisor.log.text.contains("metrics: spawned"))
            #expect(!supervisor.log.text.contains("exited with"))
        }
    }

    @Test("HEAD, other paths and other methods")
    func others() throws {
        try withMetrics { supervisor in
            let head = try curl("-I", try url(supervisor))
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"))
            let length = try curl("-o", "/dev/null", "-w", "%{http_code} %{size_download}", try url(supervisor))
            #expect(length.hasPrefix("200 "))
            #expect(
                try curl("-o", "/dev/null", "-w", "%{http_code}", "-d", "a=b", try url(supervisor)) == "405")
            #expect(
                try curl("-w", " %{http_code}", try url(supervisor).replacingOccurrences(of: "/metrics", with: "/"))
                    == "The metrics are at /metrics.\n 404")
        }
    }

    @Test("the process that reads HTTP has no rights, no descriptor but its own, and cannot change the metrics")
    func rights() throws {
        try withMetrics { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("metrics"))
            try client.send("GET /metrics HTTP/1.1\r\n")
            var found: ProcessView?
            #expect(
                eventually {
                    found = supervisor.view.children.first { $0.arguments == ["batond", "metrics"] }
                    return found != nil
                })
            let process = try #require(found)
            // The dynamic loader has another for a moment.
            #expect(eventually { Set(process.descriptors.keys) == [0, 1, 2, 3] })
            let descriptors = process.descriptors
            #expect(descriptors[0] == descriptors[1])
            #expect(descriptors[3]?.hasPrefix("/memfd:baton-metrics") == true)
            #expect(process.status("NoNewPrivs") == "1")
            if getuid() == 0 {
                #expect(process.users == Array(repeating: "65534", count: 4))
                #expect(process.status("CapEff") == "0000000000000000")
                #expect(process.supplementaryGroups.isEmpty)
            }
            #expect(process.limit("Max open files")?.hard == "16")
            // Sealed: not even by another descriptor for it, with the rights of this test.
            let again = open("/proc/\(process.pid)/fd/3", O_RDWR | O_CLOEXEC)
            if again >= 0 {
                #expect(write(again, "x", 1) == -1 && errno == EPERM)
                close(again)
            }
            try client.send("Host: x\r\n\r\n")
            #expect(try client.receiveText().hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }
}
