import Telemetry

/// A metric without its points. Strings are ids of the translator's table.
package struct OTLPMetricHeader: Hashable, Sendable {
    package var name: StringID
    package var unit: StringID
    package var description: StringID
    package var kind: PrometheusNaming.Kind

    package init(
        name: StringID, unit: StringID, description: StringID, kind: PrometheusNaming.Kind
    ) {
        self.name = name
        self.unit = unit
        self.description = description
        self.kind = kind
    }
}

/// What data points of all kinds have in common.
package struct OTLPPointContext: Sendable {
    /// Cells of the translator's attributes.
    package var attributes: Range<Int>
    /// Nanoseconds since the epoch; 0 is missing.
    package var time: UInt64 = 0
    /// Since when it counts, in nanoseconds; 0 is unknown.
    package var start: UInt64 = 0
    package var flags: UInt32 = 0
    package var exemplars: [OTLPExemplar] = []

    package init(attributes: Range<Int>) { self.attributes = attributes }

    /// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`: the series has ended.
    package var isStale: Bool { flags & 1 != 0 }
}

/// OTLP `Exemplar`.
package struct OTLPExemplar: Sendable {
    /// Nanoseconds since the epoch; 0 stands for the time of its point.
    package var time: UInt64 = 0
    package var value: Double = 0
    package var traceID: TraceID = .invalid
    package var spanID: SpanID = .invalid
    /// Cells of the translator's attributes.
    package var filteredAttributes: Range<Int> = 0..<0

    package init() {}
}

/// The distribution of a `HistogramDataPoint`.
package struct OTLPHistogramPoint: Sendable {
    package var count: UInt64 = 0
    package var sum: Double?
    package var bounds: [Double] = []
    package var bucketCounts: [UInt64] = []

    package init() {}

    /// Bounds strictly ascend and there is one bucket more than bounds, or there is neither.
    package var isValid: Bool {
        guard !bounds.isEmpty || !bucketCounts.isEmpty else { return true }
        guard bucketCounts.count == bounds.count + 1,
            bounds.count <= WireLimits.histogramBucketsMax
        else { return false }
        return zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
            && !bounds.contains { $0.isNaN }
    }
}

/// The distribution of an `ExponentialHistogramDataPoint`.
package struct OTLPExponentialPoint: Sendable {
    package struct Buckets: Sendable {
        package var offset: Int32 = 0
        package var counts: [UInt64] = []
        package init() {}
    }

    package var count: UInt64 = 0
    package var sum: Double?
    package var scale: Int32 = 0
    package var zeroCount: UInt64 = 0
    package var zeroThreshold: Double = 0
    package var positive = Buckets()
    package var negative = Buckets()

    package init() {}
}

/// The quantiles of a `SummaryDataPoint`.
package struct OTLPSummaryPoint: Sendable {
    package struct Quantile: Sendable {
        package var quantile: Double
        package var value: Double

        package init(quantile: Double, value: Double) {
            self.quantile = quantile
            self.value = value
        }
    }

    package var count: UInt64 = 0
    package var sum: Double = 0
    package var quantiles: [Quantile] = []

    package init() {}
}
