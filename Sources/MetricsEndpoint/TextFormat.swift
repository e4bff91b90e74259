internal import ControlProtocol

/// The two formats that monitoring systems read.
enum TextFormat: Hashable {
    /// OpenMetrics 1.0, as the supervisor writes it.
    case openMetrics
    /// Prometheus' own, version 0.0.4.
    case prometheus

    var mediaType: String {
        switch self {
        case .openMetrics: MetricsText.mediaType
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        }
    }

    /// What `Accept` asks for: OpenMetrics when it is named and nothing plain is preferred to it.
    init(accept: String) {
        var (openMetrics, plain) = (0.0, 0.0)
        for range in accept.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.trimmed.lowercased() }
            var (quality, version) = (1.0, "1.0.0")
            for parameter in parts.dropFirst() {
                let pair = parameter.split(separator: "=", maxSplits: 1).map(\.trimmed)
                guard pair.count == 2 else { continue }
                if pair[0] == "q" { quality = Double(pair[1]) ?? 0 }
                if pair[0] == "version" { version = pair[1] }
            }
            switch parts.first {
            case "application/openmetrics-text"? where version.hasPrefix("1."): openMetrics = max(openMetrics, quality)
            case "text/plain"?: plain = max(plain, quality)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= plain ? .openMetrics : .prometheus
    }

    /// The supervisor's text in this format. The samples are the same in both; what tells of a family differs.
    func render(_ openMetrics: [UInt8]) -> [UInt8] {
        guard self == .prometheus else { return openMetrics }
        var text: [UInt8] = []
        text.reserveCapacity(openMetrics.count)
        var suffix = ""
        for line in openMetrics.split(separator: UInt8(ascii: "\n")) {
            guard line.first == UInt8(ascii: "#") else {
                text += line
                text.append(UInt8(ascii: "\n"))
                continue
            }
            let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 3)
            guard words.count == 4 else { continue }
            switch words[1] {
            case "TYPE":
                suffix = words[3] == "counter" ? "_total" : words[3] == "info" ? "_info" : ""
                let type = words[3] == "info" ? "gauge" : words[3]
                text += "# TYPE \(words[2])\(suffix) \(type)\n".utf8
            case "HELP": text += "# HELP \(words[2])\(suffix) \(words[3])\n".utf8
            default: break
            }
        }
        return text
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
