import Telemetry
import WireFormats

/// Sampling strategies in the form in which X-Ray's SDKs ask for them: a rule for each service, and one
/// for all others.
enum XRaySampling {
    /// How often SDKs ask for targets, and how long a quota holds, in seconds.
    private static let interval = 10
    private static let defaultRule = "Default"
    /// X-Ray's own: after all others.
    private static let defaultPriority = 10_000

    private struct Rule {
        var name: String
        var service: String
        var priority: Int
        /// Requests a second that are sampled before the rate applies.
        var reservoir: Int
        var rate: Double

        init(name: String, service: String, priority: Int, _ strategy: SamplingStrategies.Strategy)
        {
            self.name = name
            self.service = service
            self.priority = priority
            switch strategy {
            case .probabilistic(let rate):
                reservoir = 0
                self.rate = rate
            case .rateLimiting(let perSecond):
                reservoir = perSecond
                rate = 0
            case .adaptive(let perSecond):
                // What a reservoir is: so many a second, whatever the traffic.
                reservoir = max(1, Int(perSecond.rounded()))
                rate = 0
            }
        }
    }

    private static func all(_ strategies: SamplingStrategies) -> [Rule] {
        let services = strategies.services.keys.sorted()
        var rules = services.enumerated().compactMap { index, service in
            strategies.services[service].map { strategy in
                Rule(
                    name: service, service: service, priority: min(index + 1, 9_999),
                    strategy.strategy)
            }
        }
        rules.append(
            Rule(
                name: defaultRule, service: "*", priority: defaultPriority,
                strategies.standard.strategy))
        return rules
    }

    /// The answer to `GetSamplingRules`.
    static func rules(_ strategies: SamplingStrategies) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.arrayField("SamplingRuleRecords") { array in
                for rule in all(strategies) {
                    array.object { record in
                        record.objectField("SamplingRule") { write(rule, to: &$0) }
                        record.field("CreatedAt", 0)
                        record.field("ModifiedAt", 0)
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ rule: Rule, to object: inout JSONWriter) {
        object.field("RuleName", rule.name)
        object.field("ResourceARN", "*")
        object.field("Priority", rule.priority)
        object.field("FixedRate", rule.rate)
        object.field("ReservoirSize", rule.reservoir)
        object.field("ServiceName", rule.service)
        for key: StaticString in ["ServiceType", "Host", "HTTPMethod", "URLPath"] {
            object.field(key, "*")
        }
        object.field("Version", 1)
        object.objectField("Attributes") { _ in }
    }

    /// The answer to `GetSamplingTargets`: what holds of each rule that the SDK has counted for. Each
    /// process has the whole reservoir.
    static func targets(
        _ body: [UInt8], _ strategies: SamplingStrategies, at now: Timestamp
    ) throws(DecodeError) -> [UInt8] {
        let asked = try body.decoded { (bytes) throws(DecodeError) in try names(bytes) }
        let rules = all(strategies)
        let seconds = now.milliseconds / 1_000
        var unknown: [String] = []
        var writer = JSONWriter()
        writer.object { answer in
            answer.arrayField("SamplingTargetDocuments") { array in
                for name in asked {
                    guard let rule = rules.first(where: { $0.name == name }) else {
                        unknown.append(name)
                        continue
                    }
                    array.object {
                        $0.field("RuleName", rule.name)
                        $0.field("FixedRate", rule.rate)
                        $0.field("ReservoirQuota", rule.reservoir)
                        $0.field("ReservoirQuotaTTL", seconds + Int64(interval))
                        $0.field("Interval", interval)
                    }
                }
            }
            answer.field("LastRuleModification", 0)
            answer.arrayField("UnprocessedStatistics") { array in
                for name in unknown {
                    array.object {
                        $0.field("RuleName", name)
                        $0.field("ErrorCode", "UnknownRule")
                        $0.field("Message", "no sampling rule has this name")
                    }
                }
            }
        }
        return writer.bytes
    }

    /// The rules named by `{"SamplingStatisticsDocuments":[{"RuleName":…},…]}`.
    private static func names(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) -> [String] {
        var names: [String] = []
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let field = try reader.nextKey() {
            guard case "SamplingStatisticsDocuments" = field, try reader.peek() == .array else {
                try reader.skipValue()
                continue
            }
            try reader.beginArray()
            while try reader.nextElement() {
                try reader.beginObject()
                while let member = try reader.nextKey() {
                    guard case "RuleName" = member else {
                        try reader.skipValue()
                        continue
                    }
                    names.append(String(decoding: try reader.string(), as: UTF8.self))
                }
            }
        }
        try reader.end()
        return names
    }
}
