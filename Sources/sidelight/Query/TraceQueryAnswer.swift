import Foundation

/// What Tempo's search answers, as far as it is printed.
struct TraceQueryAnswer: Decodable {
    struct Trace: Decodable {
        var traceID: String
        var rootServiceName: String
        var rootTraceName: String
        var startTimeUnixNano: String
        var durationMs: Int64?
        var spanSets: [SpanSet]?
    }

    struct SpanSet: Decodable {
        var spans: [Span]
        var matched: Int
    }

    struct Span: Decodable {
        var spanID: String
        var name: String?
        var startTimeUnixNano: String
        var durationNanos: String
        var attributes: [TempoLabel]?
    }

    var traces: [Trace]
    var message: String?
}

/// A name with a value of one of several types.
struct TempoLabel: Decodable {
    private struct Value: Decodable {
        var stringValue: String?
        var intValue: String?
        var doubleValue: Double?
        var boolValue: Bool?
    }

    var key: String
    var text: String

    private enum Key: String, CodingKey { case key, value }

    init(from decoder: any Decoder) throws {
        let pair = try decoder.container(keyedBy: Key.self)
        key = try pair.decode(String.self, forKey: .key)
        let value = try pair.decode(Value.self, forKey: .value)
        text =
            value.stringValue ?? value.intValue ?? value.doubleValue.map { "\($0)" }
            ?? value.boolValue.map { "\($0)" } ?? ""
    }
}

/// What Tempo's routes of numbers answer.
struct TraceMetricAnswer: Decodable {
    struct Series: Decodable {
        var labels: [TempoLabel]
        var value: Double?
        var samples: [Sample]?
    }

    struct Sample: Decodable {
        var timestampMs: String
        var value: Double?
    }

    var series: [Series]
    var message: String?

    /// As numbers of any other origin are printed.
    var asMetrics: MetricQueryAnswer {
        let series = series.map { one in
            let points = (one.samples ?? []).map { sample in
                MetricQueryAnswer.Point(
                    seconds: (Double(sample.timestampMs) ?? 0) / 1_000,
                    text: Self.text(sample.value ?? 0))
            }
            return MetricQueryAnswer.Series(
                labels: Dictionary(one.labels.map { ($0.key, $0.text) }) { first, _ in first },
                points: one.samples == nil
                    ? [.init(seconds: 0, text: Self.text(one.value ?? 0))] : points)
        }
        let isRange = self.series.contains { $0.samples != nil }
        return MetricQueryAnswer(
            type: isRange ? "matrix" : "vector", series: series,
            remarks: message.map { [$0] } ?? [])
    }

    private static func text(_ number: Double) -> String {
        number == number.rounded() && number.magnitude < 1e15
            ? String(Int64(number)) : "\(number)"
    }
}
