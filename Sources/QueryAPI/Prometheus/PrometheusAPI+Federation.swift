import HTTPServer
import PromQL
import QueryCore
import Store
import Telemetry
import WireFormats

extension PrometheusAPI {
    /// `/federate`: the latest sample of every series that any `match[]` selects, for another Prometheus to
    /// scrape, in the format and with names escaped as its `Accept` asks. Native histograms go to those that ask
    /// for protobuf; the text format has a form only of those with custom bounds, as classic ones.
    func federate(_ request: HTTPRequest) async throws -> HTTPResponse {
        let sets = try PrometheusParameters(request).matchers()
        let (format, escaping) = NameEscaping.negotiated(request.headers["accept"])
        let now = runner.nowMilliseconds
        let range = (now - options.lookback + 1)...now
        let bytes = try await runner.run { [store] context in
            var latest: [Labels: FederatedSample] = [:]
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
                    latest[selection.labels(index)] = FederatedSample(latestOf: columns)
                }
            }
            return FederatedSample.families(latest, escaping).exposed(format)
        }
        return HTTPResponse(status: 200, contentType: format.contentType(escaping), body: bytes)
    }
}

/// The latest sample of a series.
private struct FederatedSample {
    let time: Int64
    let value: ExposedFamily.Value

    /// `nil` if there is none, or a series has ended with it.
    init?(latestOf columns: SampleColumns) {
        if let last = columns.histograms.last, last.time > columns.times.last ?? .min {
            guard last.histogram.sum.bitPattern != Sample.staleMarker.bitPattern else { return nil }
            self.init(time: last.time, value: .histogram(last.histogram))
        } else if let time = columns.times.last, let value = columns.values.last {
            guard !Sample(time: time, value: value).isStaleMarker else { return nil }
            self.init(time: time, value: .number(value))
        } else {
            return nil
        }
    }

    private init(time: Int64, value: ExposedFamily.Value) {
        self.time = time
        self.value = value
    }

    private var kind: ExposedFamily.Kind {
        switch value {
        case .number: .untyped
        case .histogram(let histogram):
            histogram.resetHint == .gauge ? .gaugeHistogram : .histogram
        }
    }

    /// By name and kind; numbers and histograms of one name are families apart, as Prometheus has them.
    static func families(
        _ samples: [Labels: FederatedSample], _ escaping: NameEscaping
    ) -> [ExposedFamily] {
        let named = samples.compactMap { labels, sample in
            labels[Labels.metricName].map {
                (name: escaping.escaped($0), labels: labels, sample: sample, kind: sample.kind)
            }
        }.sorted { a, b in
            if a.name != b.name { return a.name < b.name }
            if a.kind != b.kind { return a.kind.rawValue < b.kind.rawValue }
            return a.labels.comesBefore(b.labels)
        }
        var families: [ExposedFamily] = []
        for (name, labels, sample, kind) in named {
            if families.last?.name != name || families.last?.kind != kind {
                families.append(ExposedFamily(name: name, kind: kind))
            }
            var pairs: [(name: String, value: String)] = []
            for pair in labels.pairs where pair.name != Labels.metricName {
                pairs.append((escaping.escapedLabel(pair.name), pair.value))
            }
            // Without it whoever scrapes would put the label of this server there.
            if labels["instance"] == nil { pairs.append(("instance", "")) }
            families[families.count - 1].metrics.append(
                ExposedFamily.Metric(labels: pairs, time: sample.time, value: sample.value))
        }
        return families
    }
}

extension [ExposedFamily] {
    fileprivate func exposed(_ format: FederationFormat) -> [UInt8] {
        switch format {
        case .protobuf:
            var bytes: [UInt8] = []
            for family in self { family.appendDelimited(to: &bytes) }
            return bytes
        case .text:
            var text = FederatedText()
            for family in self { text.append(family) }
            return text.bytes
        }
    }
}
