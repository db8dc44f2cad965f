import Telemetry

/// Turns OTLP resources, metrics and points into Prometheus series (OpenTelemetry specification,
/// "OTLP Metric points to Prometheus"), whatever the encoding they came in.
///
/// A decoder interns texts in `strings`, puts attributes into `attributes`, and calls in this order:
/// `beginResource`, then per metric `beginMetric` and one `add` a point, then `endResource`; at last
/// `finish`. After each point it may truncate `attributes` to where the resource's cells end.
///
/// Series carry the point's attributes, `job` (`service.namespace/service.name`) and `instance`
/// (`service.instance.id`); the other resource attributes become the series `target_info`.
package struct OTLPMetricTranslator {
    /// Attribute keys and values, metric names, units and descriptions.
    package var strings = StringTable()
    /// Cells of the current resource, then of the current point and its exemplars.
    package var attributes = AttributeColumns()

    var batch = MetricBatch()
    private var tally = RejectionTally()
    private var labels: PrometheusLabelSet
    private var names: PrometheusMetricNames
    package let translation: OTLPTranslation
    /// By series: whether its samples are increments.
    private var deltas: [Bool] = []
    /// Whether the points of the current metric are increments.
    private var isDelta = false
    /// The current metric; `nil` when no valid name can be made for it.
    private var metric: PrometheusMetricNames.Names?
    private var metricName: StringID = 0
    /// Whether the points of the current metric count since a start.
    private var isCumulative = false
    /// Of the current point, in milliseconds.
    private var start: (time: Int64, sample: Int64)?
    private var resource: Range<Int> = 0..<0
    private var target = PrometheusLabelSet.Target()
    /// Times of the current resource's points in nanoseconds.
    private var earliest = UInt64.max
    private var latest: UInt64 = 0

    package init(_ translation: OTLPTranslation = OTLPTranslation()) {
        self.translation = translation
        names = PrometheusMetricNames(translation.strategy)
        labels = PrometheusLabelSet(isEscaping: translation.strategy.isEscaping)
    }

    package mutating func finish() -> Decoded<MetricBatch> { finishTranslated().map(\.batch) }

    /// With marks on series of increments.
    package mutating func finishTranslated() -> Decoded<TranslatedMetrics> {
        Decoded(
            batch: TranslatedMetrics(
                batch: batch, isDelta: deltas.contains(true) ? deltas : []),
            rejections: tally.rejections, repairedStrings: strings.repairedCount)
    }

    /// Starts a resource whose attributes are in `cells`.
    package mutating func beginResource(_ cells: Range<Int>) {
        resource = cells
        target = PrometheusLabelSet.Target(
            cells, attributes, promoted: translation.promoted, strings: &strings)
        earliest = .max
        latest = 0
    }

    /// Starts a metric of the current resource and keeps its metadata.
    /// - Parameter isDelta: its points are increments.
    package mutating func beginMetric(_ header: OTLPMetricHeader, isDelta: Bool = false) {
        self.isDelta = isDelta
        isCumulative = !isDelta && header.kind != .gauge
        metricName = header.name
        metric = names.names(of: header, strings: &strings, metadata: &batch.metadata)
    }

    /// Counts data points that cannot be kept.
    package mutating func reject(_ reason: RejectionReason, count: Int) {
        guard count > 0 else { return }
        tally.add(reason, count: count, example: "metric \"\(strings[metricName])\"")
    }

    /// A point of a gauge or a cumulative sum; `nil` is one without a value.
    package mutating func add(_ value: Double?, _ point: OTLPPointContext) {
        guard let names = accept(point, extra: .none, series: 1) else { return }
        guard let value = point.isStale ? Sample.staleMarker : value else {
            return reject(.malformedItem, count: 1)
        }
        let series = append(names.base)
        batch.append(series: series, time: Self.milliseconds(point.time), value: value)
        for exemplar in point.exemplars { append(exemplar, to: series, of: point) }
    }

    /// A histogram with explicit bounds: `_bucket` series, `_count` and, if the sender has it, `_sum`.
    package mutating func add(_ histogram: OTLPHistogramPoint, _ point: OTLPPointContext) {
        guard histogram.isValid else { return reject(.invalidHistogram, count: 1) }
        guard let names = accept(point, extra: .le, series: histogram.bounds.count + 3) else {
            return
        }
        let time = Self.milliseconds(point.time)
        if let sum = histogram.sum {
            sample(names.sum, time, point.isStale ? Sample.staleMarker : sum)
        }
        let count = point.isStale ? Sample.staleMarker : Double(histogram.count)
        sample(names.count, time, count)
        var buckets: [(bound: Double, series: UInt32)] = []
        var cumulative: UInt64 = 0
        for (bound, bucketCount) in zip(histogram.bounds, histogram.bucketCounts)
        where bound != .infinity {
            cumulative &+= bucketCount
            let value = point.isStale ? Sample.staleMarker : Double(cumulative)
            let bucket = append(names.bucket, extra: bound)
            batch.append(series: bucket, time: time, value: value)
            buckets.append((bound, bucket))
        }
        let last = append(names.bucket, extra: .infinity)
        batch.append(series: last, time: time, value: count)
        for exemplar in point.exemplars {
            let bucket = buckets.first { exemplar.value <= $0.bound }
            append(exemplar, to: bucket?.series ?? last, of: point)
        }
    }

    /// An exponential histogram, as a native histogram.
    package mutating func add(_ histogram: OTLPExponentialPoint, _ point: OTLPPointContext) {
        guard var native = NativeHistogram(histogram) else {
            return reject(.invalidHistogram, count: 1)
        }
        guard let names = accept(point, extra: .none, series: 1) else { return }
        if point.isStale {
            native = NativeHistogram(schema: native.schema)
            native.sum = Sample.staleMarker
        }
        let series = append(names.base)
        batch.histograms.append(
            HistogramSample(
                series: series, time: Self.milliseconds(point.time), histogram: native))
        for exemplar in point.exemplars { append(exemplar, to: series, of: point) }
    }

    /// A summary: `_sum`, `_count` and one series a quantile.
    package mutating func add(_ summary: OTLPSummaryPoint, _ point: OTLPPointContext) {
        guard let names = accept(point, extra: .quantile, series: summary.quantiles.count + 2)
        else { return }
        let time = Self.milliseconds(point.time)
        let stale = point.isStale ? Sample.staleMarker : nil
        sample(names.sum, time, stale ?? summary.sum)
        sample(names.count, time, stale ?? Double(summary.count))
        for quantile in summary.quantiles {
            let series = append(names.base, extra: quantile.quantile)
            batch.append(series: series, time: time, value: stale ?? quantile.value)
        }
    }

    /// Ends the resource: its attributes become `target_info`, unless only `job` and `instance` are
    /// left or neither is known.
    package mutating func endResource() {
        guard latest > 0, target.isIdentified,
            labels.prepareTarget(resource, target, attributes, strings: &strings)
        else { return }
        isDelta = false
        start = nil
        let series = append(names.targetInfo(strings: &strings, metadata: &batch.metadata))
        for time in Self.targetInfoTimes(earliest, latest) {
            batch.append(series: series, time: time, value: 1)
        }
    }

    /// Half of the query engine's look-back of five minutes, so that a query at any time between the
    /// first and the last point finds a sample.
    private static let targetInfoInterval: UInt64 = 150_000_000_000
    /// A body that spans more than this many intervals is a backfill or broken: the ends suffice.
    private static let targetInfoSamplesMax: UInt64 = 1_000

    private static func targetInfoTimes(_ earliest: UInt64, _ latest: UInt64) -> [Int64] {
        var times: [Int64] = []
        let step = max(targetInfoInterval, (latest - earliest) / targetInfoSamplesMax)
        var time = earliest
        while time < latest {
            times.append(milliseconds(time))
            time = time.addingReportingOverflow(step).overflow ? latest : time + step
        }
        if times.last != milliseconds(latest) { times.append(milliseconds(latest)) }
        return times
    }

    /// Prepares the labels of a point that will be written `series` times; `nil` if it had to be
    /// rejected.
    private mutating func accept(
        _ point: OTLPPointContext, extra: PrometheusLabelSet.Extra, series: Int
    ) -> PrometheusMetricNames.Names? {
        guard let metric else {
            reject(.invalidName, count: 1)
            return nil
        }
        guard point.time > 0 else {
            reject(.missingTimestamp, count: 1)
            return nil
        }
        guard
            labels.prepare(
                point.attributes, target, attributes, strings: &strings, extra: extra)
        else {
            reject(.invalidName, count: 1)
            return nil
        }
        let size = labels.byteCount(strings) + strings.range(of: metric.count).count
        guard size * series <= WireLimits.labelBytesMax - batch.labelBytes.count else {
            reject(.labelsTooLong, count: 1)
            return nil
        }
        earliest = min(earliest, point.time)
        latest = max(latest, point.time)
        start =
            isCumulative && point.start > 0 && point.start <= point.time
            ? (Self.milliseconds(point.start), Self.milliseconds(point.time)) : nil
        return metric
    }

    private mutating func sample(_ name: StringID, _ time: Int64, _ value: Double) {
        batch.append(series: append(name), time: time, value: value)
    }

    private mutating func append(_ name: StringID) -> UInt32 {
        labels.write(name, strings: strings, to: &batch.labelBytes)
        return finishSeries()
    }

    private mutating func append(_ name: StringID, extra: Double) -> UInt32 {
        labels.write(name, extra: extra, strings: &strings, to: &batch.labelBytes)
        return finishSeries()
    }

    private mutating func finishSeries() -> UInt32 {
        deltas.append(isDelta)
        let series = batch.finishSeries()
        if let start {
            batch.starts.append(
                SeriesStart(series: series, time: start.time, firstSampleTime: start.sample))
        }
        return series
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> Int64 {
        Int64(clamping: nanoseconds) / 1_000_000
    }
}

extension OTLPMetricTranslator {
    /// OpenMetrics bounds the labels of an exemplar; beyond it only the ids are kept.
    private static let exemplarCharactersMax = 128

    private mutating func append(
        _ exemplar: OTLPExemplar, to series: UInt32, of point: OTLPPointContext
    ) {
        var pairs: [(name: String, value: String)] = []
        if exemplar.traceID.isValid { pairs.append(("trace_id", exemplar.traceID.hex)) }
        if exemplar.spanID.isValid { pairs.append(("span_id", exemplar.spanID.hex)) }
        let filtered = attributes.attributes(
            in: exemplar.filteredAttributes, strings: strings
        ).map { (name: $0.key, value: $0.value.text) }
        let characters = (pairs + filtered).reduce(0) {
            $0 + $1.name.unicodeScalars.count + $1.value.unicodeScalars.count
        }
        if characters <= Self.exemplarCharactersMax {
            pairs = filtered.filter { !$0.name.isEmpty } + pairs
        }
        batch.exemplars.append(
            Exemplar(
                series: series,
                time: Self.milliseconds(exemplar.time == 0 ? point.time : exemplar.time),
                value: exemplar.value, labels: Labels(pairs)))
    }
}
