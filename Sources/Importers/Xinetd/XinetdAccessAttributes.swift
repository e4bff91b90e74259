extension XinetdAttribute {
    static let access: [XinetdAttribute] = [
        XinetdAttribute(
            "only_from", .exact, "only_from",
            "Zeros at the end and braces become blocks. Names of networks(5) must be written as blocks.",
            count: .any, in: .both, isModifiable: true
        ) { settings, attribute throws(Problem) in
            settings.onlyFrom = try sources(settings.onlyFrom, attribute)
            return nil
        },
        XinetdAttribute(
            "no_access", .exact, "no_access",
            "The most exact match of both lists decides, as the manual says; xinetd refuses what both match.",
            count: .any, in: .both, isModifiable: true
        ) { settings, attribute throws(Problem) in
            settings.noAccess = try sources(settings.noAccess, attribute)
            return nil
        },
        XinetdAttribute("access_times", .exact, "access_times", count: .any) { settings, attribute throws(Problem) in
            guard !attribute.values.isEmpty else { throw Problem(message: "access_times is empty") }
            for value in attribute.values { settings.times.append(try interval(value)) }
            return nil
        },
        XinetdAttribute(
            "instances", .exact, "instances, on_limit: refuse",
            "Without it xinetd has no limit; Baton's is 256, at which connections wait in the backlog.", in: .both
        ) { settings, attribute throws(Problem) in
            settings.instances = try limit(attribute)
            return nil
        },
        XinetdAttribute(
            "per_source", .exact, "per_source",
            "Without it xinetd has no limit, and Baton's is 64. IPv6 sources count by /64; see source_prefix.",
            in: .both
        ) { settings, attribute throws(Problem) in
            settings.perSource = try limit(attribute)
            return nil
        },
        XinetdAttribute(
            "cps", .approximated, "rate",
            "over the rate connections wait in the backlog; xinetd closes the port for the second number of seconds",
            count: .exactly(2), in: .both
        ) { settings, attribute throws(Problem) in
            let count = try number(attribute.values[0])
            _ = try number(attribute.values[1])
            settings.rate = count == 0 ? .word("unlimited") : .word("\(count)/s")
            return nil
        },
        XinetdAttribute(
            "leaky_bucket", .approximated, "rate",
            "over the rate connections wait in the backlog; xinetd closes the port for a while",
            count: .exactly(4), in: .both
        ) { settings, attribute throws(Problem) in
            settings.rate = try bucket(attribute.values)
            return nil
        },
        XinetdAttribute("max_load", .exact, "max_load", in: .both) { settings, attribute throws(Problem) in
            settings.maxLoad = try load(attribute.values[0])
            return nil
        },
        XinetdAttribute(
            "banner", .approximated, "banner, busy_reply",
            "admitted connections get the file; refused ones get its text as of the import", in: .both
        ) { settings, attribute throws(Problem) in
            settings.banner = attribute.values.first
            return nil
        },
        XinetdAttribute("banner_success", .exact, "banner", in: .both) { settings, attribute throws(Problem) in
            settings.bannerSuccess = attribute.values.first
            return nil
        },
        XinetdAttribute(
            "banner_fail", .approximated, "busy_reply", "the text of the file as of the import", in: .both
        ) { settings, attribute throws(Problem) in
            settings.bannerFail = attribute.values.first
            return nil
        },
        XinetdAttribute(
            "libwrap", .exact, "only_from, no_access",
            "The name by which the rules of hosts.allow and hosts.deny are chosen; they are read at the time of the "
                + "import."
        ) { settings, attribute throws(Problem) in
            settings.wrapName = attribute.values.first
            return nil
        },
        XinetdAttribute(
            "deny_time", .notExpressible, "", "It belongs to flags = SENSOR, and Baton has no trap services"),
    ]

    /// `8:00-18:30`, both ends of one day, as the table writes it.
    private static func interval(_ text: String) throws(Problem) -> String {
        let problem = Problem(message: "\(text.quotable) is no time of a day such as 8:00-18:00")
        var times: [Int] = []
        for end in text.split(separator: "-", omittingEmptySubsequences: false) {
            let parts = end.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ $0.isDecimal && $0.utf8.count <= 2 }),
                let hour = Int(parts[0]), let minute = Int(parts[1]), hour < 24, minute < 60
            else { throw problem }
            times.append(hour * 60 + minute)
        }
        // xinetd's intervals do not cross midnight; where both are given, Baton's would.
        guard times.count == 2, times[0] < times[1] else { throw problem }
        return times.map { time in
            let (hour, minute) = time.quotientAndRemainder(dividingBy: 60)
            return (hour < 10 ? "0" : "") + "\(hour):" + (minute < 10 ? "0" : "") + "\(minute)"
        }.joined(separator: "-")
    }

    private static func load(_ text: String) throws(Problem) -> String {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let load = Double(digits), load > 0, load < 1_000_000 else {
            throw Problem(message: "\(text.quotable) is no load")
        }
        return String(digits).hasPrefix(".") ? "0\(digits)" : String(digits.hasSuffix(".") ? digits.dropLast() : digits)
    }

    /// Connections, seconds, seconds of history, seconds of pause.
    private static func bucket(_ values: [String]) throws(Problem) -> DraftValue {
        var numbers: [Int] = []
        for value in values { numbers.append(try number(value, upTo: 1_000_000)) }
        guard numbers[0] > 0, numbers[1] > 0 else { throw Problem(message: "leaky_bucket needs numbers above 0") }
        let rate = max(1, numbers[0] * 3600 / numbers[1])
        let burst = max(1, min(numbers[0] * max(numbers[2], 1) / numbers[1], 1_000_000_000))
        return .pairs(("rate", .word("\(rate)/h")), ("burst", .number(burst)))
    }
}
