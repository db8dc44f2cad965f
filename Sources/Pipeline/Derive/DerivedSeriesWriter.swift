import Telemetry

/// Appends series with their samples to a batch. The labels of an item are written once and follow the
/// names and bucket bounds that sort before them.
struct DerivedSeriesWriter {
    /// Counts of a histogram's buckets, not cumulative, with their sum in its unit.
    struct Buckets {
        var counts: ArraySlice<UInt64>
        var sum: Double
    }

    private(set) var batch = MetricBatch()
    /// Milliseconds.
    let time: Int64
    /// Labels of the current item, canonical: those that sort before `le` and those after.
    private var before: [UInt8] = []
    private var after: [UInt8] = []
    /// Where the current item's series start with zero; `nil` if they have.
    private var begin: Int64?

    init(time: Int64) { self.time = time }

    /// - Parameter labels: sorted by name; empty values are left out.
    mutating func startItem(labels: [(name: String, value: String)], begin: Int64?) {
        before.removeAll(keepingCapacity: true)
        after.removeAll(keepingCapacity: true)
        for (name, value) in labels where !value.isEmpty {
            if name < "le" {
                Labels.append(name: name, value: value, to: &before)
            } else {
                Labels.append(name: name, value: value, to: &after)
            }
        }
        self.begin = begin
    }

    mutating func counter(_ name: String, _ value: UInt64) {
        append(series(name), Double(value))
    }

    /// - Returns: the series of the buckets.
    @discardableResult
    mutating func histogram(
        _ name: String, _ buckets: Buckets, bounds: [String]
    ) -> [UInt32] {
        var total: UInt64 = 0
        var numbers: [UInt32] = []
        for (index, count) in buckets.counts.enumerated() {
            total.addSaturating(count)
            let bound = index < bounds.count ? bounds[index] : "+Inf"
            let number = series(name + "_bucket", bound: bound)
            append(number, Double(total))
            numbers.append(number)
        }
        append(series(name + "_count"), Double(total))
        append(series(name + "_sum"), buckets.sum)
        return numbers
    }

    mutating func exemplar(
        _ series: UInt32, time: Int64, value: Double, trace: TraceID, span: SpanID
    ) {
        batch.exemplars.append(
            Exemplar(
                series: series, time: time, value: value,
                labels: Labels(["trace_id": trace.hex, "span_id": span.hex])))
    }

    mutating func describe(_ family: String, _ type: MetricType, _ help: String, unit: String = "")
    {
        batch.metadata.append(
            MetricMetadata(family: family, type: type, help: help, unit: unit))
    }

    private mutating func series(_ name: String, bound: String? = nil) -> UInt32 {
        Labels.append(name: Labels.metricName, value: name, to: &batch.labelBytes)
        batch.labelBytes.append(contentsOf: before)
        if let bound { Labels.append(name: "le", value: bound, to: &batch.labelBytes) }
        batch.labelBytes.append(contentsOf: after)
        return batch.finishSeries()
    }

    private mutating func append(_ series: UInt32, _ value: Double) {
        if let begin { batch.append(series: series, time: min(begin, time - 1), value: 0) }
        batch.append(series: series, time: time, value: value)
    }
}
