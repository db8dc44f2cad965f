import PromQL
import QueryCore
import Store
import Telemetry

/// Compares the alerts that fire with those that a test expects.
struct AlertComparison {
    private let expectation: RuleTest.AlertExpectation
    private let test: RuleTest

    init(_ expectation: RuleTest.AlertExpectation, in test: RuleTest) {
        self.expectation = expectation
        self.test = test
    }

    func failures(_ evaluators: [RuleGroupEvaluator]) -> [String] {
        var got: [LabelsAndAnnotations] = []
        for rule in evaluators.flatMap(\.status.rules)
        where rule.kind == .alerting && rule.name == expectation.alert {
            for alert in rule.alerts where alert.state.name == "firing" {
                got.append(
                    LabelsAndAnnotations(
                        labels: alert.labels,
                        annotations: Labels(
                            alert.annotations.map { ($0.key, $0.value.text) })))
            }
        }
        got.sort(by: Self.comesBefore)
        let expected = expectation.alerts.sorted(by: Self.comesBefore)
        guard got != expected else { return [] }
        let name = test.name.isEmpty ? "" : "    name: \(test.name),\n"
        let time = PromQLDuration.format(milliseconds: expectation.time)
        return [
            "\(name)    alertname: \(expectation.alert), time: \(time), \n"
                + "        exp:\(Self.text(expected).indented(by: 12)), \n"
                + "        got:\(Self.text(got).indented(by: 12))"
        ]
    }

    private static func comesBefore(_ a: LabelsAndAnnotations, _ b: LabelsAndAnnotations) -> Bool {
        a.labels == b.labels
            ? a.annotations.comesBefore(b.annotations) : a.labels.comesBefore(b.labels)
    }

    private static func text(_ alerts: [LabelsAndAnnotations]) -> String {
        guard !alerts.isEmpty else { return "[]" }
        let entries = alerts.enumerated().map { index, alert in
            let lines =
                "\nLabels:\(alert.labels.quoted)\nAnnotations:\(alert.annotations.quoted)"
            return "\n\(index):\(lines.indented(by: 2))"
        }
        return "[\(entries.joined(separator: ","))\n]"
    }
}

/// Compares the result of a query with what a test expects.
struct QueryComparison {
    private let expectation: RuleTest.QueryExpectation
    private let isFuzzy: Bool

    init(_ expectation: RuleTest.QueryExpectation, isFuzzy: Bool) {
        self.expectation = expectation
        self.isFuzzy = isFuzzy
    }

    func failures(_ engine: PromQLEngine, start: Int64) -> [String] {
        let head =
            "    expr: \(QuotedText.quote(expectation.query)), time: "
            + PromQLDuration.format(milliseconds: expectation.time) + ","
        var got: [ExpectedSample]
        do throws(QueryError) {
            got = try result(engine, at: start &+ expectation.time)
        } catch {
            return ["\(head) err: \(error.message)"]
        }
        got.sort { $0.labels.comesBefore($1.labels) }
        let expected = expectation.samples.sorted { $0.labels.comesBefore($1.labels) }
        guard got.count != expected.count || !zip(got, expected).allSatisfy(areEqual) else {
            return []
        }
        return [
            "\(head)\n        exp: \(Self.text(expected))\n        got: \(Self.text(got))"
        ]
    }

    private func result(
        _ engine: PromQLEngine, at time: Int64
    ) throws(QueryError) -> [ExpectedSample] {
        switch try engine.instant(expectation.query, at: time).value {
        case .vector(_, let elements):
            return elements.map {
                ExpectedSample(
                    labels: $0.labels, value: $0.histogram == nil ? $0.value : 0,
                    histogram: $0.histogram.map { SeriesNotation.text($0.native) } ?? "")
            }
        case .scalar(_, let value): return [ExpectedSample(labels: .empty, value: value)]
        case .string, .matrix, .samples:
            throw .execution("rule result is not a vector or scalar")
        }
    }

    /// NaN equals nothing here, as with promtool.
    private func areEqual(_ a: ExpectedSample, _ b: ExpectedSample) -> Bool {
        guard a.labels == b.labels, a.histogram == b.histogram else { return false }
        guard a.histogram.isEmpty, a.value != b.value else { return true }
        return isFuzzy && (a.value.nextUp == b.value || a.value.nextDown == b.value)
    }

    private static func text(_ samples: [ExpectedSample]) -> String {
        guard !samples.isEmpty else { return "nil" }
        return samples.map { sample in
            let value =
                sample.histogram.isEmpty ? GoNumber.exponential(sample.value) : sample.histogram
            return "\(sample.labels.quoted) \(value)"
        }.joined(separator: ", ")
    }
}

extension Labels {
    /// All labels in braces, the name as well.
    var quoted: String {
        "{\(pairs.map { "\($0.name)=\(QuotedText.quote($0.value))" }.joined(separator: ", "))}"
    }
}

extension String {
    /// Every line but the first moved to the right.
    fileprivate func indented(by count: Int) -> String {
        let lines = split(separator: "\n", omittingEmptySubsequences: false)
        return lines.joined(separator: "\n" + String(repeating: " ", count: count))
    }
}
