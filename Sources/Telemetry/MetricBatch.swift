/// One sample of a float series.
package struct Sample: Hashable, Sendable {
    /// Milliseconds since the epoch, the resolution of Prometheus's data model.
    package var time: Int64
    package var value: Double

    package init(time: Int64, value: Double) {
        self.time = time
        self.value = value
    }

    /// The NaN payload that ends a series (prometheus/model/value/value.go, `StaleNaN`). Compare bit
    /// patterns: NaN equals nothing.
    package static let staleMarker = Double(bitPattern: 0x7FF0_0000_0000_0002)
    package var isStaleMarker: Bool { value.bitPattern == Sample.staleMarker.bitPattern }
}

/// What a metric is, from its sender's metadata.
package enum MetricType: UInt8, Sendable, CaseIterable {
    case unknown = 0
    case counter = 1
    case gauge = 2
    case histogram = 3
    case gaugeHistogram = 4
    case summary = 5
    case info = 6
    case stateSet = 7
}

/// Type, help and unit of a metric family.
package struct MetricMetadata: Hashable, Sendable {
    package var family: String
    package var type: MetricType
    package var help: String
    package var unit: String

    package init(family: String, type: MetricType, help: String = "", unit: String = "") {
        self.family = family
        self.type = type
        self.help = help
        self.unit = unit
    }
}

/// Metric samples in columns. A batch names its series once, as canonical label bytes; samples refer to
/// them by index. Times are milliseconds since the epoch.
package struct MetricBatch: Sendable {
    /// Canonical label bytes of all series, one after the other (`Labels.bytes`); nothing for those
    /// whose labels are `unread`.
    package var labelBytes: [UInt8] = []
    /// Where the labels of series `i` end in `labelBytes`.
    package var labelEnds: [UInt32] = []
    package var unread: UnreadLabels?
    package var seriesIDs: [SeriesID] = []

    // One entry a float sample.
    package var sampleSeries: [UInt32] = []
    package var sampleTimes: [Int64] = []
    package var sampleValues: [Double] = []

    package var histograms: [HistogramSample] = []
    package var exemplars: [Exemplar] = []
    package var starts: [SeriesStart] = []
    package var metadata: [MetricMetadata] = []

    package init() {}

    package var seriesCount: Int { labelEnds.count }
    /// Float and histogram samples.
    package var sampleCount: Int { sampleTimes.count + histograms.count }
    package var isEmpty: Bool {
        sampleTimes.isEmpty && histograms.isEmpty && exemplars.isEmpty && metadata.isEmpty
    }

    @inlinable package func labelRange(_ series: Int) -> Range<Int> {
        SpanBatch.run(labelEnds, series)
    }

    package func labels(_ series: Int) -> Labels {
        var bytes: [UInt8] = []
        appendLabels(of: series, to: &bytes)
        return Labels(canonicalBytes: bytes)
    }

    /// Appends the canonical label bytes of a series, wherever they are.
    package func appendLabels(of series: Int, to bytes: inout [UInt8]) {
        if let unread, unread.holds(series) {
            unread.append(series, to: &bytes)
        } else {
            bytes.append(contentsOf: labelBytes[labelRange(series)])
        }
    }

    /// Adds a series; it is the caller's to add each only once (a repeated one costs space, not
    /// correctness).
    package mutating func append(_ labels: Labels) -> UInt32 {
        labelBytes.append(contentsOf: labels.bytes)
        labelEnds.append(UInt32(labelBytes.count))
        seriesIDs.append(labels.seriesID)
        return UInt32(labelEnds.count - 1)
    }

    /// Adds a series whose canonical bytes have just been appended to `labelBytes`.
    package mutating func finishSeries() -> UInt32 {
        let start = labelEnds.last.map(Int.init) ?? 0
        let hash = labelBytes.withUnsafeBytes {
            ContentHash(UnsafeRawBufferPointer(rebasing: $0[start...]))
        }
        labelEnds.append(UInt32(labelBytes.count))
        seriesIDs.append(SeriesID(hash))
        return UInt32(labelEnds.count - 1)
    }

    @inlinable package mutating func append(series: UInt32, time: Int64, value: Double) {
        sampleSeries.append(series)
        sampleTimes.append(time)
        sampleValues.append(value)
    }
}

/// A measurement with the trace it came from (OpenMetrics exemplar).
package struct Exemplar: Hashable, Sendable {
    package var series: UInt32
    package var time: Int64
    package var value: Double
    /// `trace_id`, `span_id` and whatever else the sender filtered out of the series' labels.
    package var labels: Labels

    package init(series: UInt32, time: Int64, value: Double, labels: Labels) {
        self.series = series
        self.time = time
        self.value = value
        self.labels = labels
    }
}

/// A native histogram sample of a series.
package struct HistogramSample: Hashable, Sendable {
    package var series: UInt32
    package var time: Int64
    package var histogram: NativeHistogram

    package init(series: UInt32, time: Int64, histogram: NativeHistogram) {
        self.series = series
        self.time = time
        self.histogram = histogram
    }
}

/// A histogram with exponential buckets (Prometheus native histogram; OTLP `ExponentialHistogram`) or
/// with custom bounds (schema −53).
///
/// Bucket `i` of schema `s` covers `(base^(i−1), base^i]` with `base = 2^(2^−s)`, as Prometheus numbers
/// them; OTLP's index is one lower. Counts are absolute, not deltas, and may be fractional.
package struct NativeHistogram: Hashable, Sendable {
    /// A run of consecutive buckets: `offset` is the gap to the end of the previous span (the index of
    /// the first bucket for the first span).
    package struct Span: Hashable, Sendable {
        package var offset: Int32
        package var length: UInt32

        package init(offset: Int32, length: UInt32) {
            self.offset = offset
            self.length = length
        }
    }

    package static let customBucketsSchema: Int32 = -53

    package var schema: Int32
    package var zeroThreshold: Double = 0
    package var zeroCount: Double = 0
    package var count: Double = 0
    package var sum: Double = 0
    package var positiveSpans: [Span] = []
    package var positiveCounts: [Double] = []
    package var negativeSpans: [Span] = []
    package var negativeCounts: [Double] = []
    /// Upper bounds, only with `customBucketsSchema`; the last bucket's +Inf is implied.
    package var customBounds: [Double] = []
    package var resetHint: ResetHint = .unknown

    package enum ResetHint: UInt8, Sendable {
        case unknown = 0
        case reset = 1
        case notReset = 2
        case gauge = 3
    }

    package init(schema: Int32) { self.schema = schema }
}
