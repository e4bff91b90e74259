import Foundation
import Testing

@testable import ControlProtocol

@Suite("The metrics as text")
struct MetricsTextTests {
    private func text(_ services: [ServiceStatus]) -> [String] {
        var text = MetricsText()
        for service in services { text.add(service) }
        let supervisor = MetricsText.Supervisor(
            version: "0.1.0", started: Timestamp(seconds: 5, nanoseconds: 7_000_000), openFiles: nil,
            mostOpenFiles: 9, notificationsDropped: 0)
        text.add(supervisor, isHealthy: false)
        return String(decoding: text.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("every family tells its type, its unit and what it means before its samples, which stand together")
    func form() {
        var services = StatusTests.full.services
        for time in [1, 20, 20_000] { services[0].timings.handoff.record(.milliseconds(time)) }
        let lines = text(services)
        #expect(lines.last == "# EOF")
        var family = ""
        for line in lines.dropLast() {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE") {
                family = String(words[2])
            } else if line.hasPrefix("#") {
                #expect(words[2] == family)
            } else {
                #expect(line.hasPrefix(family))
            }
        }
        let types = lines.filter { $0.hasPrefix("# TYPE") }
        #expect(Set(types).count == types.count)
        #expect(lines.contains("# UNIT baton_handoff_seconds seconds"))
        #expect(lines.contains("process_start_time_seconds 5.007"))
    }

    @Test("what the status says stands in the samples")
    func samples() {
        var services = StatusTests.full.services
        for time in [1, 20, 40_000] { services[0].timings.handoff.record(.milliseconds(time)) }
        let lines = Set(text(services))
        for line in [
            "baton_build_info{version=\"0.1.0\"} 1", "process_max_fds 9", "baton_healthy 0",
            "baton_service_healthy{service=\"app\"} 0", "baton_service_healthy{service=\"finger\"} 0",
            "baton_service_state{service=\"app\",dispatch=\"handoff\",state=\"ready\"} 1",
            "baton_listeners{service=\"app\",state=\"retrying\"} 1",
            "baton_handlers{service=\"app\",state=\"ready\"} 1", "baton_handlers{service=\"app\",state=\"busy\"} 0",
            "baton_processes{service=\"finger\"} 1", "baton_connections_active{service=\"app\"} 3",
            "baton_connections_accepted_total{service=\"app\"} 10",
            "baton_connections_refused_total{service=\"app\",reason=\"per_source\"} 1",
            "baton_datagrams_dropped_total{service=\"app\",reason=\"loop\"} 2",
            "baton_handoff_seconds_bucket{service=\"app\",le=\"0.0005\"} 0",
            "baton_handoff_seconds_bucket{service=\"app\",le=\"0.001\"} 1",
            "baton_handoff_seconds_bucket{service=\"app\",le=\"30.0\"} 2",
            "baton_handoff_seconds_bucket{service=\"app\",le=\"+Inf\"} 3",
            "baton_handoff_seconds_count{service=\"app\"} 3", "baton_handoff_seconds_sum{service=\"app\"} 40.021",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(lines.contains("baton_spawn_seconds_count{service=\"finger\"} 1"))
        #expect(!lines.contains { $0.hasPrefix("baton_spawn_seconds_count{service=\"app\"") }, "nothing was counted")
        #expect(!lines.contains { $0.hasPrefix("baton_handlers{service=\"finger\"") }, "it has none")
    }

    @Test("a label's value cannot end it")
    func escaping() {
        let lines = text([ServiceStatus(name: "a\"b\\c\nd", dispatch: .redirect, state: .ready)])
        #expect(lines.contains(#"baton_connections_active{service="a\"b\\c\nd"} 0"#))
    }

    @Test("docs/metrics.md lists every family, and no other")
    func page() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appendingPathComponent("docs/metrics.md"), encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
        let expected = Metric.allCases.map { metric in
            let family = metric.family
            let suffix = ["counter": "_total", "info": "_info"][family.type.rawValue] ?? ""
            let labels = (family.isOfService ? ["service"] : []) + family.labels
            return
                "| `\(family.name)\(suffix)` | \(family.type.rawValue) | \(labels.joined(separator: ", ")) | \(family.help) |"
        }
        #expect(rows == expected)
    }
}
