import Store
import Telemetry
import WireFormats

/// Collects series into lines. Gauges and counters whose names and labels survive OTLP's translation to
/// Prometheus unchanged go as OTLP; everything else (parts of histograms, native histograms, series of
/// unknown type, stale markers) and all metadata as remote write.
struct SeriesWriter {
    private let metadata: [MetricMetadata]
    private let families: [String: MetricMetadata]
    private let sink: ExportSource.Sink
    private var metrics: [ExportMetric] = []
    private var pointCount = 0
    private var rest = MetricBatch()
    private var isEmpty = true
    /// False once the sink wants no more.
    private(set) var goesOn = true

    init(metadata: [MetricMetadata], sink: @escaping ExportSource.Sink) {
        self.metadata = metadata
        families = Dictionary(metadata.map { ($0.family, $0) }) { $1 }
        self.sink = sink
    }

    mutating func add(_ labels: Labels, _ columns: SampleColumns) {
        guard !columns.times.isEmpty || !columns.histograms.isEmpty else { return }
        isEmpty = false
        let kind = columns.histograms.isEmpty ? kind(of: labels) : nil
        guard let kind, columns.values.allSatisfy(Self.isPlain) else {
            return addToRest(labels, columns)
        }
        let name = labels[Labels.metricName] ?? ""
        let attributes = labels.pairs.filter { $0.name != Labels.metricName }
            .map { Attribute($0.name, .string($0.value)) }
        for start in stride(from: 0, to: columns.times.count, by: ExportSource.itemsMax) {
            let rows = start..<min(start + ExportSource.itemsMax, columns.times.count)
            let points = rows.map {
                ExportNumberPoint(
                    attributes: attributes, time: Timestamp(milliseconds: columns.times[$0]),
                    value: .double(columns.values[$0]))
            }
            append(points, name, kind)
            if pointCount >= ExportSource.itemsMax { flushMetrics() }
        }
    }

    /// - Returns: false if the sink has stopped it.
    mutating func finish() -> Bool {
        if pointCount > 0 { flushMetrics() }
        // Last, so that what senders said of their metrics wins over what the points above say.
        if !isEmpty { rest.metadata = metadata }
        if !rest.isEmpty { flushRest() }
        return goesOn
    }

    private mutating func append(
        _ points: [ExportNumberPoint], _ name: String, _ kind: MetricType
    ) {
        pointCount += points.count
        if let last = metrics.last, last.name == name {
            metrics[metrics.count - 1].data = last.data.adding(points)
            return
        }
        metrics.append(
            ExportMetric(
                name: name, description: families[name]?.help ?? "",
                data: kind == .counter ? .sum(points, isMonotonic: true) : .gauge(points)))
    }

    private mutating func addToRest(_ labels: Labels, _ columns: SampleColumns) {
        let series = rest.append(labels)
        for (time, value) in zip(columns.times, columns.values) {
            rest.append(series: series, time: time, value: value)
        }
        for var sample in columns.histograms {
            sample.series = series
            rest.histograms.append(sample)
        }
        if rest.sampleCount >= ExportSource.itemsMax { flushRest() }
    }

    private mutating func flushMetrics() {
        let group = ExportMetrics(
            resource: Resource(), scope: Scope(name: "sidelight export"), metrics: metrics)
        var counts = ExportCounts()
        counts.samples = pointCount
        if goesOn { goesOn = sink(OTLPMetrics.encodeJSON([group]) + [0x0A], counts) }
        metrics = []
        pointCount = 0
    }

    private mutating func flushRest() {
        var counts = ExportCounts()
        counts.samples = rest.sampleCount
        if goesOn { goesOn = sink(ExportLine.remoteWrite(rest), counts) }
        rest = MetricBatch()
    }

    /// Which kind of OTLP metric comes back as this very series; `nil` if none does.
    private func kind(of labels: Labels) -> MetricType? {
        guard let name = labels[Labels.metricName], let type = families[name]?.type else {
            return nil
        }
        let kind: PrometheusNaming.Kind
        switch type {
        case .counter: kind = .counter
        case .gauge: kind = .gauge
        default: return nil
        }
        let isKept = labels.pairs.allSatisfy { pair in
            pair.name == Labels.metricName
                || PrometheusNaming.labelName(Array(pair.name.utf8)) == Array(pair.name.utf8)
        }
        return isKept && PrometheusNaming.metricName(name, unit: "", kind: kind) == name
            ? type : nil
    }

    /// JSON has one NaN; stale markers and others differ from it in their bits.
    private static func isPlain(_ value: Double) -> Bool {
        !value.isNaN || value.bitPattern == Double.nan.bitPattern
    }
}

extension ExportMetric.Data {
    fileprivate func adding(_ points: [ExportNumberPoint]) -> ExportMetric.Data {
        switch self {
        case .gauge(let first): .gauge(first + points)
        case .sum(let first, let isMonotonic): .sum(first + points, isMonotonic: isMonotonic)
        case .histogram: self
        }
    }
}
