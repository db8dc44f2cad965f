import RegularExpressions
import Telemetry
import Yams

extension SamplingPolicies {
    /// Makes a condition of the text of a query; what it throws is what is wrong with the text.
    package typealias ConditionParser = @Sendable (String) throws -> any TraceCondition

    /// Reads a file of policies:
    ///
    /// ```yaml
    /// after: 2h                  # from the arrival of a trace's last span; default 2h
    /// keep_errors: true          # the default
    /// keep_slower_than: 1s       # the default; or off
    /// policies:                  # as the OpenTelemetry collector's tail_sampling has them
    ///   - {name: rest, type: probabilistic, probabilistic: {sampling_percentage: 1}}
    /// ```
    /// Policies of the collector that are not carried out are refused by name.
    package static func parse(
        _ text: String, path: String, condition: @escaping ConditionParser
    ) throws(SamplingFileError) -> SamplingPolicies {
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch {
            // Without the text around the mistake.
            let finding =
                (error as? YamlError)?.finding ?? (line: 0, problem: "not readable as YAML")
            throw SamplingFileError(path: path, line: finding.line, reason: finding.problem)
        }
        guard let root else {
            throw SamplingFileError(path: path, line: 0, reason: "the file is empty")
        }
        let fields = try PolicyNode(path: path, what: "the file", node: root).fields(
            ["after", "keep_errors", "keep_slower_than", "policies"])
        guard let list = fields["policies"] else {
            throw SamplingFileError(path: path, line: 1, reason: "the file needs policies")
        }
        var reader = PolicyReader(condition: condition)
        var policies: [SamplingPolicy] = []
        for node in try list.elements() {
            let policy = try reader.policy(node)
            guard !policies.contains(where: { $0.name == policy.name }) else {
                throw node.failure("there are two policies \"\(policy.name)\"")
            }
            policies.append(policy)
        }
        return SamplingPolicies(
            policies, after: try fields["after"]?.duration() ?? 7_200_000_000_000,
            keepsErrors: try fields["keep_errors"]?.boolean() ?? true,
            keepsSlowerThan: try slowLimit(fields["keep_slower_than"]),
            fingerprint: ContentHash(Array(text.utf8)).low)
    }

    private static func slowLimit(_ node: PolicyNode?) throws(SamplingFileError) -> Int64? {
        guard let node else { return 1_000_000_000 }
        // YAML 1.1 reads off as false; it is text here.
        if try ["off", "false"].contains(node.text()) { return nil }
        return try node.duration()
    }
}

/// Reads policies; numbers their budgets.
struct PolicyReader {
    /// Policies in policies, deeper than anybody writes.
    private static let depthMax = 16

    let condition: SamplingPolicies.ConditionParser
    private var budgets = 0
    private var depth = 0

    init(condition: @escaping SamplingPolicies.ConditionParser) { self.condition = condition }

    mutating func policy(_ node: PolicyNode) throws(SamplingFileError) -> SamplingPolicy {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw node.failure("policies are nested too deeply") }
        guard case .mapping(let mapping) = node.node else {
            throw node.failure("a policy must be a mapping with name and type")
        }
        guard let type = mapping["type"]?.string else {
            throw node.failure("a policy needs a type")
        }
        guard let name = mapping["name"]?.string, !name.isEmpty else {
            throw node.failure("a policy needs a name")
        }
        guard PolicyKind(rawValue: type) != nil || type == "always_sample" else {
            throw PolicyNode(path: node.path, what: "type", node: mapping["type"] ?? node.node)
                .failure(PolicyKind.refusal(of: type))
        }
        let called = node.called("policy \"\(name)\"")
        let fields = try called.fields(["name", "type", type])
        guard let kind = PolicyKind(rawValue: type) else {
            return SamplingPolicy(name: name, rule: .always)
        }
        guard let settings = fields[type] else {
            throw called.failure("\(called.what) needs \(type)")
        }
        return SamplingPolicy(name: name, rule: try rule(kind, settings))
    }

    private mutating func rule(
        _ kind: PolicyKind, _ node: PolicyNode
    ) throws(SamplingFileError) -> SamplingPolicy.Rule {
        switch kind {
        case .latency: return try latency(node)
        case .statusCode: return try status(node)
        case .stringAttribute: return try string(node)
        case .numericAttribute: return try number(node)
        case .booleanAttribute: return try boolean(node)
        case .spanCount: return try spanCount(node)
        case .traceql: return try query(node)
        case .probabilistic:
            let fields = try node.fields(["sampling_percentage"])
            let percentage = try required("sampling_percentage", fields, node)
            return .probabilistic(try percentage.number(in: 0...100) / 100)
        case .rateLimiting:
            let fields = try node.fields(["spans_per_second"])
            let rate = try required("spans_per_second", fields, node).number(in: 0...1e12)
            return .rate(spansPerSecond: rate, budget: nextBudget())
        case .and:
            let fields = try node.fields(["and_sub_policy"])
            var policies: [SamplingPolicy] = []
            for node in try required("and_sub_policy", fields, node).elements() {
                policies.append(try policy(node))
            }
            guard !policies.isEmpty else { throw node.failure("\(node.what) has no policies") }
            return .and(policies)
        case .not:
            let fields = try node.fields(["not_sub_policy"])
            let inner = try required("not_sub_policy", fields, node)
            let policy = try policy(inner)
            guard !policy.isByChance else {
                throw inner.failure(
                    "\"\(policy.name)\" decides by chance, and what remains is no sample of anything"
                )
            }
            return .not(policy)
        case .composite: return try composite(node)
        }
    }

    mutating func nextBudget() -> Int {
        budgets += 1
        return budgets - 1
    }

    func required(
        _ key: String, _ fields: [String: PolicyNode], _ parent: PolicyNode
    ) throws(SamplingFileError) -> PolicyNode {
        guard let node = fields[key] else { throw parent.failure("\(parent.what) needs \(key)") }
        return node
    }
}

extension SamplingPolicy {
    /// Whether a trace that it samples may go all the same.
    var isByChance: Bool {
        switch rule {
        case .probabilistic, .rate: true
        case .and(let policies), .composite(let policies): policies.contains(where: \.isByChance)
        case .not(let policy): policy.isByChance
        default: false
        }
    }
}

/// Types of policies that have settings under their own name.
enum PolicyKind: String, CaseIterable {
    case latency
    case statusCode = "status_code"
    case stringAttribute = "string_attribute"
    case numericAttribute = "numeric_attribute"
    case booleanAttribute = "boolean_attribute"
    case spanCount = "span_count"
    case traceql
    case probabilistic
    case rateLimiting = "rate_limiting"
    case and, not, composite

    /// Those of the collector that are left out, with the reason.
    private static let refused = [
        "ottl_condition": "write the condition in TraceQL: type traceql",
        "trace_state": "write traceql or string_attribute",
        "trace_flags": "flags say what clients sampled, not what is worth keeping",
        "bytes_limiting": "use rate_limiting, or a bound on stored bytes",
        "drop": "what no policy samples goes; use and with not",
    ]

    static func refusal(of type: String) -> String {
        if let reason = refused[type] { return "type \(type) is not supported: \(reason)" }
        let known = ["always_sample"] + allCases.map(\.rawValue)
        return "unknown type \"\(type)\"; expected one of " + known.joined(separator: ", ")
    }
}
