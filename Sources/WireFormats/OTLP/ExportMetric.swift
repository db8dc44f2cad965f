import Telemetry

/// Metrics of one resource and scope on their way out, as counters and histograms kept per label set.
/// Temporality is always cumulative.
package struct ExportMetrics: Hashable, Sendable {
    package var resource: Resource
    package var scope: Scope
    package var metrics: [ExportMetric]

    package init(resource: Resource, scope: Scope, metrics: [ExportMetric]) {
        self.resource = resource
        self.scope = scope
        self.metrics = metrics
    }
}

/// One instrument with its points, one per attribute set.
package struct ExportMetric: Hashable, Sendable {
    package enum Data: Hashable, Sendable {
        case gauge([ExportNumberPoint])
        case sum([ExportNumberPoint], isMonotonic: Bool)
        case histogram([ExportHistogramPoint])
    }

    package var name: String
    /// UCUM, such as `s`, `By`, `{request}`.
    package var unit: String
    package var description: String
    package var data: Data

    package init(name: String, unit: String = "", description: String = "", data: Data) {
        self.name = name
        self.unit = unit
        self.description = description
        self.data = data
    }
}

/// The value of one counter or gauge.
package struct ExportNumberPoint: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case int(Int64)
        case double(Double)
    }

    package var attributes: [Attribute]
    /// When counting began; a restart is a later start. `.zero` is unknown.
    package var start: Timestamp
    package var time: Timestamp
    package var value: Value
    package var exemplars: [ExportExemplar]

    package init(
        attributes: [Attribute], start: Timestamp = .zero, time: Timestamp, value: Value,
        exemplars: [ExportExemplar] = []
    ) {
        self.attributes = attributes
        self.start = start
        self.time = time
        self.value = value
        self.exemplars = exemplars
    }
}

/// The distribution of one histogram.
package struct ExportHistogramPoint: Hashable, Sendable {
    package var attributes: [Attribute]
    /// When counting began; a restart is a later start. `.zero` is unknown.
    package var start: Timestamp
    package var time: Timestamp
    package var sum: Double
    /// Strictly ascending upper bounds; the last bucket's +Inf is implied.
    package var bounds: [Double]
    /// Not cumulative, one more than there are bounds.
    package var bucketCounts: [UInt64]
    package var exemplars: [ExportExemplar]

    package init(
        attributes: [Attribute], start: Timestamp = .zero, time: Timestamp, sum: Double,
        bounds: [Double], bucketCounts: [UInt64], exemplars: [ExportExemplar] = []
    ) {
        precondition(bucketCounts.count == bounds.count + 1)
        self.attributes = attributes
        self.start = start
        self.time = time
        self.sum = sum
        self.bounds = bounds
        self.bucketCounts = bucketCounts
        self.exemplars = exemplars
    }

    package var count: UInt64 { bucketCounts.reduce(0, &+) }
}

/// A measurement with the span in which it was taken.
package struct ExportExemplar: Hashable, Sendable {
    package var time: Timestamp
    package var value: Double
    package var traceID: TraceID
    package var spanID: SpanID

    package init(time: Timestamp, value: Double, traceID: TraceID, spanID: SpanID) {
        self.time = time
        self.value = value
        self.traceID = traceID
        self.spanID = spanID
    }
}
