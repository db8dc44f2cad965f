import HTTPServer
import PromQL
import QueryCore
import Store
import Telemetry

extension PrometheusAPI {
    /// `/federate`: the latest sample of every series that any `match[]` selects, in the text format, for
    /// another Prometheus to scrape, names escaped as its `Accept` asks. Native histograms have no text form and
    /// are left out.
    func federate(_ request: HTTPRequest) async throws -> HTTPResponse {
        let sets = try PrometheusParameters(request).matchers()
        let (version, escaping) = NameEscaping.negotiated(request.headers["accept"])
        let now = runner.nowMilliseconds
        let range = (now - options.lookback + 1)...now
        let bytes = try await runner.run { [store] context in
            var latest: [Labels: Sample] = [:]
            for matchers in sets {
                let selection = try store.selectSeries(matchers, in: range)
                guard latest.count + selection.count <= context.limits.seriesMax else {
                    throw QueryError.execution(
                        "more than \(context.limits.seriesMax) series match; narrow match[]")
                }
                var columns = SampleColumns()
                for index in 0..<selection.count {
                    try context.check()
                    try selection.samples(index, into: &columns)
                    guard let time = columns.times.last, let value = columns.values.last else {
                        continue
                    }
                    let sample = Sample(time: time, value: value)
                    if !sample.isStaleMarker { latest[selection.labels(index)] = sample }
                }
            }
            return FederatedText(latest, escaping).bytes
        }
        return HTTPResponse(
            status: 200,
            contentType: "text/plain; version=\(version); charset=utf-8; "
                + "escaping=\(escaping.rawValue)", body: bytes)
    }
}

/// Samples in Prometheus's text format, by metric name.
private struct FederatedText {
    private var text = ""

    var bytes: [UInt8] { Array(text.utf8) }

    init(_ samples: [Labels: Sample], _ escaping: NameEscaping) {
        let named = samples.compactMap { labels, sample in
            labels[Labels.metricName].map {
                (name: escaping.escaped($0), labels: labels, sample: sample)
            }
        }.sorted {
            $0.name == $1.name ? $0.labels.comesBefore($1.labels) : $0.name < $1.name
        }
        var lastName = ""
        for (name, labels, sample) in named {
            let isPlain = QuotedText.isPlainMetricName(name)
            if name != lastName {
                text += "# TYPE \(isPlain ? name : "\"\(Self.escaped(name))\"") untyped\n"
                lastName = name
            }
            var pairs = isPlain ? [] : ["\"\(Self.escaped(name))\""]
            for pair in labels.pairs where pair.name != Labels.metricName {
                let name = escaping.escapedLabel(pair.name)
                let label =
                    QuotedText.isPlainLabelName(name) ? name : "\"\(Self.escaped(name))\""
                pairs.append("\(label)=\"\(Self.escaped(pair.value))\"")
            }
            // Without it whoever scrapes would put the label of this server there.
            if labels["instance"] == nil { pairs.append("instance=\"\"") }
            text += (isPlain ? name : "") + "{\(pairs.joined(separator: ","))} "
            text += "\(NumberFormat.general(sample.value)) \(sample.time)\n"
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }
}
