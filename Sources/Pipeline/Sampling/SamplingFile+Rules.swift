import RegularExpressions
import Telemetry

/// The settings of single types of policies.
extension PolicyReader {
    func latency(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy.Rule {
        let fields = try node.fields(["threshold_ms", "upper_threshold_ms"])
        let above = try milliseconds(try required("threshold_ms", fields, node))
        guard let upper = fields["upper_threshold_ms"] else {
            return .latency(above: above, upTo: nil)
        }
        let upTo = try milliseconds(upper)
        // The collector takes 0 for no bound.
        guard upTo > above || upTo == 0 else {
            throw upper.failure("\(upper.what) is not above threshold_ms")
        }
        return .latency(above: above, upTo: upTo == 0 ? nil : upTo)
    }

    private func milliseconds(_ node: PolicyNode) throws(SamplingFileError) -> Int64 {
        let number = try node.integer()
        let (nanoseconds, overflow) = number.multipliedReportingOverflow(by: 1_000_000)
        guard number >= 0, !overflow else {
            throw node.failure("\(node.what) must be milliseconds from 0, not \(number)")
        }
        return nanoseconds
    }

    func status(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy.Rule {
        let fields = try node.fields(["status_codes"])
        var statuses: Set<SpanStatus> = []
        for code in try required("status_codes", fields, node).elements() {
            switch try code.text() {
            case "OK": statuses.insert(.ok)
            case "ERROR": statuses.insert(.error)
            case "UNSET": statuses.insert(.unset)
            case let text:
                throw code.failure("unknown status \"\(text)\"; expected OK, ERROR or UNSET")
            }
        }
        guard !statuses.isEmpty else { throw node.failure("\(node.what) has no status_codes") }
        return .status(statuses)
    }

    func string(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy.Rule {
        let fields = try node.fields(
            ["key", "values", "enabled_regex_matching", "invert_match", "cache_max_size"])
        let key = try required("key", fields, node).text()
        let usesPatterns = try fields["enabled_regex_matching"]?.boolean() ?? false
        var test = SamplingPolicy.StringTest(values: [], patterns: [])
        for value in try required("values", fields, node).elements() {
            let text = try value.text()
            guard usesPatterns else {
                test.values.insert(text)
                continue
            }
            do throws(PatternError) { test.patterns.append(try Pattern(text)) } catch {
                throw value.failure(error.description)
            }
        }
        guard !test.values.isEmpty || !test.patterns.isEmpty else {
            throw node.failure("\(node.what) has no values")
        }
        return .string(key: key, test, isInverted: try fields["invert_match"]?.boolean() ?? false)
    }

    func number(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy.Rule {
        let fields = try node.fields(["key", "min_value", "max_value", "invert_match"])
        let key = try required("key", fields, node).text()
        let least = try fields["min_value"]?.integer() ?? .min
        let most = try fields["max_value"]?.integer() ?? .max
        guard fields["min_value"] != nil || fields["max_value"] != nil else {
            throw node.failure("\(node.what) needs min_value or max_value")
        }
        guard least <= most else { throw node.failure("min_value is above max_value") }
        return .number(
            key: key, least...most, isInverted: try fields["invert_match"]?.boolean() ?? false)
    }

    func boolean(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy.Rule {
        let fields = try node.fields(["key", "value", "invert_match"])
        return .boolean(
            key: try required("key", fields, node).text(),
            try required("value", fields, node).boolean(),
            isInverted: try fields["invert_match"]?.boolean() ?? false)
    }

    func spanCount(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy.Rule {
        let fields = try node.fields(["min_spans", "max_spans"])
        let least = try required("min_spans", fields, node).integer()
        let most = try fields["max_spans"]?.integer() ?? 0
        guard least >= 0, most == 0 || most >= least else {
            throw node.failure("\(node.what) must have 0 <= min_spans <= max_spans")
        }
        // The collector takes 0 for no bound.
        return .spanCount(Int(clamping: least)...(most == 0 ? Int.max : Int(clamping: most)))
    }

    func query(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy.Rule {
        let fields = try node.fields(["query"])
        let query = try required("query", fields, node)
        let text = try query.text()
        do { return .condition(try condition(text)) } catch {
            throw query.failure("\(query.what): \(error)")
        }
    }

    /// Each policy gets its percentage of the whole rate; what is not allotted is shared evenly by the
    /// policies without an allotment, as the collector does.
    mutating func composite(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy.Rule {
        let fields = try node.fields([
            "max_total_spans_per_second", "policy_order", "composite_sub_policy", "rate_allocation",
        ])
        let total = try required("max_total_spans_per_second", fields, node).number(in: 0...1e12)
        var policies: [String: SamplingPolicy] = [:]
        var order: [String] = []
        for node in try required("composite_sub_policy", fields, node).elements() {
            let policy = try policy(node)
            guard policies.updateValue(policy, forKey: policy.name) == nil else {
                throw node.failure("there are two policies \"\(policy.name)\"")
            }
            order.append(policy.name)
        }
        if let wanted = fields["policy_order"] {
            order = try names(wanted.elements(), among: policies)
        }
        let allotted = try allotments(fields["rate_allocation"], among: policies)
        let used = allotted.values.reduce(0, +)
        let others = order.filter { allotted[$0] == nil }.count
        let rest = others > 0 ? (100 - used) / Double(others) : 0
        var bounded: [SamplingPolicy] = []
        for name in order {
            guard let policy = policies[name] else { continue }
            let rate = total * (allotted[name] ?? rest) / 100
            let limit = SamplingPolicy(
                name: name, rule: .rate(spansPerSecond: rate, budget: nextBudget()))
            bounded.append(SamplingPolicy(name: name, rule: .and([policy, limit])))
        }
        guard !bounded.isEmpty else { throw node.failure("\(node.what) has no policies") }
        return .composite(bounded)
    }

    private func names(
        _ nodes: [PolicyNode], among policies: [String: SamplingPolicy]
    ) throws(SamplingFileError) -> [String] {
        var names: [String] = []
        for node in nodes {
            let name = try node.text()
            guard policies[name] != nil, !names.contains(name) else {
                throw node.failure("\"\(name)\" is no policy of this composite, or is there twice")
            }
            names.append(name)
        }
        return names
    }

    private func allotments(
        _ node: PolicyNode?, among policies: [String: SamplingPolicy]
    ) throws(SamplingFileError) -> [String: Double] {
        guard let node else { return [:] }
        var allotted: [String: Double] = [:]
        for entry in try node.elements() {
            let fields = try entry.fields(["policy", "percent"])
            let policy = try required("policy", fields, entry)
            let name = try names([policy], among: policies)[0]
            allotted[name] = try required("percent", fields, entry).number(in: 0...100)
        }
        guard allotted.values.reduce(0, +) <= 100 else {
            throw node.failure("\(node.what) comes to more than 100 percent")
        }
        return allotted
    }
}
