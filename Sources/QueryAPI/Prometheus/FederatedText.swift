import PromQL
import QueryCore
import Telemetry
import WireFormats

/// Families in Prometheus's text format.
struct FederatedText {
    private var text = ""

    var bytes: [UInt8] { Array(text.utf8) }

    mutating func append(_ family: ExposedFamily) {
        let metrics = family.metrics.filter { $0.value.hasText }
        guard !metrics.isEmpty else { return }
        let name = family.name
        let shown = QuotedText.isPlainMetricName(name) ? name : "\"\(Self.escaped(name))\""
        text += "# TYPE \(shown) \(family.kind == .untyped ? "untyped" : "histogram")\n"
        for metric in metrics {
            switch metric.value {
            case .number(let number): append(name, metric, nil, number)
            case .histogram(let histogram): append(name, metric, histogram)
            }
        }
    }

    /// A histogram with custom bounds as a classic one.
    private mutating func append(
        _ name: String, _ metric: ExposedFamily.Metric, _ histogram: NativeHistogram
    ) {
        for (bound, count) in histogram.cumulativeBuckets where bound != .infinity {
            append("\(name)_bucket", metric, NumberFormat.general(bound), count)
        }
        append("\(name)_bucket", metric, "+Inf", histogram.count)
        append("\(name)_sum", metric, nil, histogram.sum)
        append("\(name)_count", metric, nil, histogram.count)
    }

    private mutating func append(
        _ name: String, _ metric: ExposedFamily.Metric, _ bound: String?, _ value: Double
    ) {
        let isPlain = QuotedText.isPlainMetricName(name)
        var pairs = isPlain ? [] : ["\"\(Self.escaped(name))\""]
        for (name, value) in metric.labels {
            let label = QuotedText.isPlainLabelName(name) ? name : "\"\(Self.escaped(name))\""
            pairs.append("\(label)=\"\(Self.escaped(value))\"")
        }
        if let bound { pairs.append("le=\"\(bound)\"") }
        text += (isPlain ? name : "") + "{\(pairs.joined(separator: ","))} "
        text += "\(NumberFormat.general(value)) \(metric.time)\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }
}

extension ExposedFamily.Value {
    /// Histograms with exponential buckets have no text form.
    fileprivate var hasText: Bool {
        switch self {
        case .number: true
        case .histogram(let histogram): histogram.schema == NativeHistogram.customBucketsSchema
        }
    }
}
