import Pipeline
import Store
import Telemetry
import Testing

/// A condition that a name holds of.
private struct Named: TraceCondition {
    var name: String

    func holds(of trace: SpanBatch) -> Bool {
        (0..<trace.count).contains { trace.strings[trace.names[$0]] == name }
    }
}

@Suite struct SamplingPolicyTests {
    static let start = Timestamp(seconds: 1_795_255_200)

    struct Refusal: Error, CustomStringConvertible { var description: String }

    static func parse(_ text: String) throws -> SamplingPolicies {
        try SamplingPolicies.parse(text, path: "p.yml") { query in
            guard query != "bad" else { throw Refusal(description: "parse error at line 1") }
            return Named(name: query)
        }
    }

    static func trace(
        _ id: UInt64 = 1, spans: Int = 2, milliseconds: Int64 = 10,
        status: SpanStatus = .unset, attributes: [Attribute] = [], name: String = "GET",
        resource: [Attribute] = [], count: Double = 1
    ) -> WholeTrace {
        var batch = SpanBatch()
        let place = batch.append(Resource(attributes: resource))
        let scope = batch.append(Scope())
        for index in 0..<spans {
            var span = SpanRecord(
                traceID: TraceID(high: 3, low: id), spanID: SpanID(id << 16 | UInt64(index + 1)),
                name: name, start: start, duration: milliseconds * 1_000_000)
            if index == spans - 1 {
                span.status = status
                span.attributes = attributes
            }
            batch.append(span, resource: place, scope: scope)
        }
        batch.raiseAdjustedCounts(to: [Double](repeating: count, count: spans))
        return WholeTrace(batch)
    }

    /// The probability and the policy that decides, of one trace in an hour.
    private func verdict(_ policies: String, _ trace: WholeTrace) throws -> TraceVerdict {
        let file = "keep_errors: false\nkeep_slower_than: off\npolicies:\n\(policies)"
        return try Self.parse(file).judge([trace], seconds: 3_600)[0]
    }

    /// A policy, a trace that it samples and one that it does not.
    private struct Case: Sendable {
        var policy: String
        var yes: WholeTrace
        var no: WholeTrace

        init(_ policy: String, _ yes: WholeTrace, _ no: WholeTrace) {
            self.policy = policy
            self.yes = yes
            self.no = no
        }
    }

    private static let cases: [Case] = [
        Case("{name: a, type: always_sample}", trace(), trace(spans: 0)),
        Case(
            "{name: a, type: latency, latency: {threshold_ms: 100}}",
            trace(milliseconds: 101), trace(milliseconds: 100)
        ),
        Case(
            "{name: a, type: latency, latency: {threshold_ms: 100, upper_threshold_ms: 200}}",
            trace(milliseconds: 200), trace(milliseconds: 201)
        ),
        Case(
            "{name: a, type: status_code, status_code: {status_codes: [ERROR, OK]}}",
            trace(status: .error), trace()
        ),
        Case(
            "{name: a, type: string_attribute, string_attribute: {key: k, values: [x, 'y']}}",
            trace(attributes: [Attribute("k", .string("y"))]),
            trace(attributes: [Attribute("k", .string("yy"))])
        ),
        Case(
            "{name: a, type: string_attribute, string_attribute: {key: k, values: ['^y+$'], "
                + "enabled_regex_matching: true}}",
            trace(resource: [Attribute("k", .string("yy"))]),
            trace(attributes: [Attribute("k", .string("xyy"))])
        ),
        Case(
            "{name: a, type: string_attribute, string_attribute: {key: k, values: [x], "
                + "invert_match: true}}",
            trace(), trace(attributes: [Attribute("k", .string("x"))])
        ),
        Case(
            "{name: a, type: numeric_attribute, numeric_attribute: {key: n, min_value: 500, "
                + "max_value: 599}}",
            trace(attributes: [Attribute("n", .int(599))]),
            trace(attributes: [Attribute("n", .string("599"))])
        ),
        Case(
            "{name: a, type: numeric_attribute, numeric_attribute: {key: n, min_value: 5}}",
            trace(attributes: [Attribute("n", .int(.max))]),
            trace(attributes: [Attribute("n", .int(4))])
        ),
        Case(
            "{name: a, type: boolean_attribute, boolean_attribute: {key: b, value: true}}",
            trace(attributes: [Attribute("b", .bool(true))]),
            trace(attributes: [Attribute("b", .bool(false))])
        ),
        Case(
            "{name: a, type: span_count, span_count: {min_spans: 3, max_spans: 4}}",
            trace(spans: 4), trace(spans: 5)
        ),
        Case("{name: a, type: traceql, traceql: {query: POST}}", trace(name: "POST"), trace()),
        Case(
            "{name: a, type: not, not: {not_sub_policy: {name: b, type: traceql, traceql: "
                + "{query: POST}}}}",
            trace(), trace(name: "POST")
        ),
        Case(
            "{name: a, type: and, and: {and_sub_policy: [{name: b, type: traceql, traceql: "
                + "{query: POST}}, {name: c, type: span_count, span_count: {min_spans: 3}}]}}",
            trace(spans: 3, name: "POST"), trace(name: "POST")
        ),
    ]

    @Test("each type of policy samples what it says", arguments: cases)
    private func types(_ each: Case) throws {
        let (policy, yes, no) = (each.policy, each.yes, each.no)
        #expect(try verdict("- \(policy)", yes) == TraceVerdict(probability: 1, policy: "a"))
        guard !no.rows.isEmpty else { return }
        #expect(try verdict("- \(policy)", no) == TraceVerdict(probability: 0, policy: "none"))
    }

    @Test("the policy that gives most decides; the strictest of a conjunction does")
    func combined() throws {
        let policies = """
            - {name: few, type: probabilistic, probabilistic: {sampling_percentage: 10}}
            - {name: most, type: probabilistic, probabilistic: {sampling_percentage: 60}}
            - name: both
              type: and
              and:
                and_sub_policy:
                  - {name: x, type: probabilistic, probabilistic: {sampling_percentage: 90}}
                  - {name: y, type: probabilistic, probabilistic: {sampling_percentage: 20}}
            - {name: slow, type: latency, latency: {threshold_ms: 500}}
            """
        #expect(try verdict(policies, Self.trace()).policy == "most")
        #expect(try verdict(policies, Self.trace()).probability == 0.6)
        #expect(try verdict(policies, Self.trace(milliseconds: 501)).policy == "slow")
    }

    @Test("errors and slow traces stay without a policy that says so")
    func always() throws {
        let policies = try Self.parse("policies: []")
        let verdicts = policies.judge(
            [
                Self.trace(1, status: .error), Self.trace(2, milliseconds: 1_001),
                Self.trace(3, milliseconds: 1_000),
            ], seconds: 1)
        #expect(verdicts.map(\.probability) == [1, 1, 0])
        #expect(verdicts.map(\.policy) == ["keep_errors", "keep_slower_than", "none"])
        #expect(policies.after == 7_200_000_000_000)
    }

    @Test("a rate is the share of the spans for which there is room, counting what they stand for")
    func rate() throws {
        let file = """
            keep_errors: false
            policies: [{name: r, type: rate_limiting, rate_limiting: {spans_per_second: 10}}]
            """
        let policies = try Self.parse(file)
        let traces = (0..<100).map { Self.trace(UInt64($0), spans: 4) }
        #expect(policies.judge(traces, seconds: 10).allSatisfy { $0.probability == 0.25 })
        #expect(policies.judge(traces, seconds: 60).allSatisfy { $0.probability == 1 })
        let thinned = (0..<50).map { Self.trace(UInt64($0), spans: 4, count: 2) }
        #expect(policies.judge(thinned, seconds: 10).allSatisfy { $0.probability == 0.25 })
    }

    @Test(
        "a composite gives each of its policies its part of the rate, the first that samples decides"
    )
    func composite() throws {
        let file = """
            keep_slower_than: off
            policies:
              - name: c
                type: composite
                composite:
                  max_total_spans_per_second: 100
                  policy_order: [posts, rest]
                  composite_sub_policy:
                    - {name: rest, type: always_sample}
                    - {name: posts, type: traceql, traceql: {query: POST}}
                  rate_allocation: [{policy: posts, percent: 80}]
            """
        let policies = try Self.parse(file)
        let posts = (0..<100).map { Self.trace(UInt64($0), spans: 1, name: "POST") }
        let others = (100..<200).map { Self.trace(UInt64($0), spans: 1) }
        let verdicts = policies.judge(posts + others, seconds: 1)
        #expect(verdicts[..<100].allSatisfy { $0.probability == 0.8 })
        #expect(verdicts[100...].allSatisfy { abs($0.probability - 0.2) < 1e-12 })
    }

    @Test("chance spreads evenly over ids of every shape, and counts stay unbiased")
    func unbiased() throws {
        for shape in 0..<3 {
            var sum = 0.0
            for number in 0..<20_000 {
                let low = UInt64(number)
                let id =
                    [
                        TraceID(high: 0, low: low), TraceID(high: low << 40, low: 1),
                        TraceID(high: low, low: low &* 0x9E37_79B9_7F4A_7C15),
                    ][shape]
                if id.samplingUnit < 0.05 { sum += 20 }
            }
            // Twenty for each of a thousand: five standard deviations are 3,082.
            #expect(abs(sum - 20_000) < 3_082, "\(shape): \(sum)")
        }
    }

    private static let wrong: [(String, Int, String)] = [
        ("", 0, "empty"), ("- a", 1, "mapping"), ("after: 2h", 1, "needs policies"),
        ("policies: []\ncolour: red", 2, "unknown key \"colour\""),
        ("policies: []\nafter: 2 hours", 2, "after of the file must be a duration"),
        ("policies:\n- type: latency", 2, "needs a name"),
        ("policies:\n- name: a", 2, "needs a type"),
        ("policies:\n- {name: a, type: ottl_condition}", 2, "write the condition in TraceQL"),
        ("policies:\n- {name: a, type: drop}", 2, "not supported"),
        ("policies:\n- {name: a, type: nice}", 2, "expected one of always_sample, latency"),
        ("policies:\n- {name: a, type: latency}", 2, "policy \"a\" needs latency"),
        ("policies:\n- {name: a, type: latency, latency: {}}", 2, "needs threshold_ms"),
        (
            "policies:\n- name: a\n  type: latency\n  latency:\n    threshold_ms: -1", 5,
            "milliseconds from 0"
        ),
        (
            "policies:\n- name: a\n  type: latency\n  latency:\n    threshold_ms: 5\n"
                + "    upper_threshold_ms: 4", 6, "not above"
        ),
        (
            "policies:\n- name: a\n  type: probabilistic\n  probabilistic:\n    hash_salt: x",
            5,
            "unknown key \"hash_salt\""
        ),
        (
            "policies:\n- name: a\n  type: probabilistic\n  probabilistic: {sampling_percentage: 101}",
            4, "from 0.0 to 100.0"
        ),
        (
            "policies:\n- name: a\n  type: string_attribute\n  string_attribute:\n    key: k\n"
                + "    enabled_regex_matching: true\n    values:\n    - '('", 8,
            "invalid regular expression"
        ),
        (
            "policies:\n- name: a\n  type: traceql\n  traceql: {query: bad}", 4,
            "parse error at line 1"
        ),
        (
            "policies:\n- name: a\n  type: status_code\n  status_code: {status_codes: [BAD]}",
            4,
            "unknown status"
        ),
        (
            "policies:\n- name: a\n  type: not\n  not:\n    not_sub_policy:\n      name: b\n"
                + "      type: rate_limiting\n      rate_limiting: {spans_per_second: 1}", 6,
            "decides by chance"
        ),
        (
            "policies:\n- {name: a, type: always_sample}\n- {name: a, type: always_sample}", 3,
            "two policies"
        ),
        (
            "policies:\n- name: a\n  type: composite\n  composite:\n"
                + "    max_total_spans_per_second: 1\n"
                + "    composite_sub_policy: [{name: b, type: always_sample}]\n"
                + "    rate_allocation: [{policy: b, percent: 60}, {policy: x, percent: 60}]",
            7,
            "no policy of this composite"
        ),
    ]

    @Test("mistakes are told with their line", arguments: wrong)
    func mistakes(text: String, line: Int, reason: String) {
        do {
            _ = try Self.parse(text)
            Issue.record("accepted: \(text)")
        } catch let error as SamplingFileError {
            #expect(error.line == line, "\(error)")
            #expect(error.reason.contains(reason), "\(error)")
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test("policies nested without end are refused")
    func nesting() {
        var policy = "{name: a, type: always_sample}"
        for _ in 0..<50 { policy = "{name: a, type: not, not: {not_sub_policy: \(policy)}}" }
        #expect(throws: SamplingFileError.self) { try Self.parse("policies: [\(policy)]") }
    }
}
