import Telemetry

extension OTLPMetrics {
    /// Decodes an `ExportMetricsServiceRequest` (or `MetricsData`: the same bytes) into Prometheus
    /// series; names and shapes are those of `OTLPMetricTranslator`.
    ///
    /// Rejections count data points; points of delta temporality are rejected. Start times are not kept.
    /// - Complexity: O(bytes); allocation only per metric, for distinct texts and per histogram.
    package static func decode(
        protobuf body: UnsafeRawBufferPointer
    ) throws(DecodeError) -> Decoded<MetricBatch> {
        try translate(protobuf: body, OTLPTranslation()).map(\.batch)
    }

    package static func decode(
        protobuf body: [UInt8]
    ) throws(DecodeError) -> Decoded<MetricBatch> {
        try body.decoded { (bytes) throws(DecodeError) in try decode(protobuf: bytes) }
    }

    /// The same with names and labels as `translation` wants them.
    package static func translate(
        protobuf body: UnsafeRawBufferPointer, _ translation: OTLPTranslation
    ) throws(DecodeError) -> Decoded<TranslatedMetrics> {
        try WireLimits.checkBody(body.count)
        var decoder = OTLPMetricDecoder(translation)
        try decoder.request(ProtobufReader(body))
        var decoded = decoder.translator.finishTranslated()
        decoded.repairedStrings += decoder.values.repairedStrings
        decoded.ignoredFields = decoder.ignoredFields
        return decoded
    }

    package static func translate(
        protobuf body: [UInt8], _ translation: OTLPTranslation
    ) throws(DecodeError) -> Decoded<TranslatedMetrics> {
        try body.decoded { (bytes) throws(DecodeError) in
            try translate(protobuf: bytes, translation)
        }
    }
}

/// Walks `opentelemetry/proto/metrics/v1/metrics.proto` messages and feeds a translator.
struct OTLPMetricDecoder {
    private enum MetricField {
        static let name = ProtobufKey.length(1)
        static let description = ProtobufKey.length(2)
        static let unit = ProtobufKey.length(3)
        static let gauge = ProtobufKey.length(5)
        static let sum = ProtobufKey.length(7)
        static let histogram = ProtobufKey.length(9)
        static let exponentialHistogram = ProtobufKey.length(10)
        static let summary = ProtobufKey.length(11)
    }

    /// Members that `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` and `Summary` share.
    private enum DataField {
        static let points = ProtobufKey.length(1)
        static let temporality = ProtobufKey.varint(2)
        static let isMonotonic = ProtobufKey.varint(3)
    }

    private static let delta: UInt64 = 1
    private static let cumulative: UInt64 = 2

    /// What a metric says apart from its points, which may come first.
    private struct Metric {
        var name: StringID = 0
        var description: StringID = 0
        var unit: StringID = 0
        /// The key of the oneof member set last, 0 for none.
        var kind: UInt32 = 0
        var temporality: UInt64 = 0
        var isMonotonic = false
        var pointCount = 0
    }

    var translator: OTLPMetricTranslator
    var values = OTLPAttributeDecoder()
    var ignoredFields = 0
    private var shared = SharedColumns()
    private var pointCount = 0

    init(_ translation: OTLPTranslation) { translator = OTLPMetricTranslator(translation) }

    mutating func request(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case OTLPSharedDecoder.resourceEnvelopes:
                try resourceMetrics(try message.message("resource_metrics"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func resourceMetrics(_ envelope: ProtobufReader) throws(DecodeError) {
        shared.attributes = AttributeColumns()
        let index = try OTLPSharedDecoder.resource(
            of: envelope, into: &shared, strings: &translator.strings, decoder: &values)
        translator.attributes = shared.attributes
        translator.beginResource(shared.resources[Int(index)].attributes)
        var envelope = envelope
        while true {
            let key = try envelope.nextKey()
            switch key {
            case 0:
                translator.endResource()
                return
            case OTLPSharedDecoder.Envelope.items:
                try scopeMetrics(try envelope.message("scope_metrics"))
            default: try envelope.skip(key)
            }
        }
    }

    /// The scope itself becomes no label, as Prometheus has it by default.
    private mutating func scopeMetrics(_ envelope: ProtobufReader) throws(DecodeError) {
        var envelope = envelope
        while true {
            let key = try envelope.nextKey()
            switch key {
            case 0: return
            case OTLPSharedDecoder.Envelope.items: try metric(try envelope.message("metric"))
            default: try envelope.skip(key)
            }
        }
    }

    private mutating func metric(_ message: ProtobufReader) throws(DecodeError) {
        var metric = Metric()
        try header(message, into: &metric)
        guard let kind = Self.kind(of: metric) else {
            // A metric without data has nothing to keep or to refuse.
            return
        }
        translator.beginMetric(
            OTLPMetricHeader(
                name: metric.name, unit: metric.unit, description: metric.description,
                kind: kind), isDelta: isDelta(kind, metric.temporality))
        switch kind {
        case .counter, .upDownCounter, .histogram, .exponentialHistogram:
            guard
                metric.temporality == Self.cumulative || isDelta(kind, metric.temporality)
            else {
                return translator.reject(.unsupportedTemporality, count: metric.pointCount)
            }
        case .gauge, .summary: break
        }
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case metric.kind: try points(try message.message("metric data"), kind)
            default: try message.skip(key)
            }
        }
    }

    /// Whether the points are increments that may pass.
    private func isDelta(_ kind: PrometheusNaming.Kind, _ temporality: UInt64) -> Bool {
        switch kind {
        case .gauge, .summary: false
        case .counter, .upDownCounter, .histogram, .exponentialHistogram:
            temporality == Self.delta && translator.translation.passesDeltas
        }
    }

    private mutating func header(
        _ message: ProtobufReader, into metric: inout Metric
    ) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case MetricField.name:
                metric.name = translator.strings.intern(try message.bytes("metric name"))
            case MetricField.description:
                metric.description = translator.strings.intern(try message.bytes("description"))
            case MetricField.unit:
                metric.unit = translator.strings.intern(try message.bytes("unit"))
            case MetricField.gauge, MetricField.sum, MetricField.histogram,
                MetricField.exponentialHistogram, MetricField.summary:
                if metric.kind != key { metric.pointCount = 0 }
                metric.kind = key
                try data(try message.message("metric data"), into: &metric)
            default: try message.skip(key)
            }
        }
    }

    private func data(
        _ message: ProtobufReader, into metric: inout Metric
    ) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case DataField.temporality:
                metric.temporality = try message.varint("aggregation_temporality")
            case DataField.isMonotonic: metric.isMonotonic = try message.bool("is_monotonic")
            case DataField.points:
                metric.pointCount += 1
                try message.skip(key)
            default: try message.skip(key)
            }
        }
    }

    private static func kind(of metric: Metric) -> PrometheusNaming.Kind? {
        switch metric.kind {
        case MetricField.gauge: .gauge
        case MetricField.sum: metric.isMonotonic ? .counter : .upDownCounter
        case MetricField.histogram: .histogram
        case MetricField.exponentialHistogram: .exponentialHistogram
        case MetricField.summary: .summary
        default: nil
        }
    }

    private mutating func points(
        _ message: ProtobufReader, _ kind: PrometheusNaming.Kind
    ) throws(DecodeError) {
        var message = message
        let resourceCells = shared.attributes.count
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case DataField.points:
                pointCount += 1
                try WireLimits.checkItems(pointCount)
                let point = try message.message("data point")
                switch kind {
                case .gauge, .counter, .upDownCounter: try number(point)
                case .histogram: try histogram(point)
                case .exponentialHistogram: try exponentialHistogram(point)
                case .summary: try summary(point)
                }
                translator.attributes.truncate(to: resourceCells)
            default: try message.skip(key)
            }
        }
    }
}
