import Telemetry

extension OTLPMetrics {
    /// Decodes an `ExportMetricsServiceRequest` in OTLP's JSON encoding into Prometheus series; names and
    /// shapes are those of `OTLPMetricTranslator`, field names may be in lower camel or snake case.
    ///
    /// Rejections count data points; points of delta temporality are rejected. Start times are not kept.
    /// - Complexity: O(bytes); allocation only per metric, for distinct texts and per histogram.
    package static func decode(
        json body: UnsafeRawBufferPointer
    ) throws(DecodeError) -> Decoded<MetricBatch> {
        try translate(json: body, OTLPTranslation()).map(\.batch)
    }

    package static func decode(json body: [UInt8]) throws(DecodeError) -> Decoded<MetricBatch> {
        try body.decoded { (bytes) throws(DecodeError) in try decode(json: bytes) }
    }

    /// The same with names and labels as `translation` wants them.
    package static func translate(
        json body: UnsafeRawBufferPointer, _ translation: OTLPTranslation
    ) throws(DecodeError) -> Decoded<TranslatedMetrics> {
        try WireLimits.checkBody(body.count)
        var decoder = OTLPJSONMetricDecoder(translation)
        var reader = JSONReader(body)
        try decoder.request(&reader)
        try reader.end()
        var decoded = decoder.translator.finishTranslated()
        decoded.repairedStrings += decoder.values.repairedStrings
        decoded.ignoredFields = decoder.ignoredFields
        return decoded
    }

    package static func translate(
        json body: [UInt8], _ translation: OTLPTranslation
    ) throws(DecodeError) -> Decoded<TranslatedMetrics> {
        try body.decoded { (bytes) throws(DecodeError) in
            try translate(json: bytes, translation)
        }
    }
}

/// Walks OTLP/JSON metrics and feeds a translator. The translator wants resources before their metrics
/// and a metric's kind before its points, but members come in any order: what comes too early is passed
/// over and read when its time has come.
struct OTLPJSONMetricDecoder {
    /// What a metric says, with the data of its kind still to be read.
    private struct Metric {
        var name: StringID = 0
        var description: StringID = 0
        var unit: StringID = 0
        var shape: Shape?
        var data: JSONSlice?
    }

    private enum Shape {
        case gauge, sum, histogram, exponentialHistogram, summary
    }

    private struct MetricData {
        var temporality = OTLPJSONEnums.Temporality.unspecified
        var isMonotonic = false
        var points: [JSONSlice] = []
    }

    var translator: OTLPMetricTranslator
    var values = OTLPJSONValues()
    var ignoredFields = 0
    private var pointCount = 0

    init(_ translation: OTLPTranslation) { translator = OTLPMetricTranslator(translation) }

    mutating func request(_ reader: inout JSONReader) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "resourceMetrics", "resource_metrics":
                try reader.beginArray()
                while try reader.nextItem() { try resourceMetrics(&reader) }
            default: try reader.skipValue()
            }
        }
    }

    private mutating func resourceMetrics(_ reader: inout JSONReader) throws(DecodeError) {
        var shared = SharedColumns()
        let resource = OTLPJSONShared.openResource(in: &shared)
        var scopes: [JSONSlice] = []
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "resource":
                try OTLPJSONShared.resource(
                    resource, &reader, into: &shared, strings: &translator.strings,
                    values: &values)
            case "scopeMetrics", "scope_metrics": scopes.append(try reader.slice())
            default: try reader.skipValue()
            }
        }
        translator.attributes = shared.attributes
        translator.beginResource(shared.resources[resource].attributes)
        for slice in scopes {
            var scopeReader = JSONReader(slice)
            try scopeReader.beginArray()
            while try scopeReader.nextItem() { try scopeMetrics(&scopeReader) }
        }
        translator.endResource()
    }

    /// The scope itself becomes no label, as Prometheus has it by default.
    private mutating func scopeMetrics(_ reader: inout JSONReader) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "metrics":
                try reader.beginArray()
                while try reader.nextItem() { try metric(&reader) }
            default: try reader.skipValue()
            }
        }
    }

    private mutating func metric(_ reader: inout JSONReader) throws(DecodeError) {
        let metric = try header(&reader)
        // A metric without data has nothing to keep or to refuse.
        guard let shape = metric.shape, let slice = metric.data else { return }
        let data = try Self.data(slice)
        let kind = Self.kind(shape, data)
        translator.beginMetric(
            OTLPMetricHeader(
                name: metric.name, unit: metric.unit, description: metric.description,
                kind: kind), isDelta: isDelta(kind, data.temporality))
        switch kind {
        case .counter, .upDownCounter, .histogram, .exponentialHistogram:
            guard data.temporality == .cumulative || isDelta(kind, data.temporality) else {
                var count = 0
                for points in data.points { count += try Self.count(points) }
                return translator.reject(.unsupportedTemporality, count: count)
            }
        case .gauge, .summary: break
        }
        for points in data.points { try self.points(points, kind) }
    }

    /// Whether the points are increments that may pass.
    private func isDelta(
        _ kind: PrometheusNaming.Kind, _ temporality: OTLPJSONEnums.Temporality
    ) -> Bool {
        switch kind {
        case .gauge, .summary: false
        case .counter, .upDownCounter, .histogram, .exponentialHistogram:
            temporality == .delta && translator.translation.passesDeltas
        }
    }

    private mutating func header(_ reader: inout JSONReader) throws(DecodeError) -> Metric {
        var metric = Metric()
        try reader.beginObject()
        while let field = try reader.nextField() {
            var shape: Shape?
            switch field {
            case "name": metric.name = translator.strings.intern(try reader.string())
            case "description":
                metric.description = translator.strings.intern(try reader.string())
            case "unit": metric.unit = translator.strings.intern(try reader.string())
            case "gauge": shape = .gauge
            case "sum": shape = .sum
            case "histogram": shape = .histogram
            case "exponentialHistogram", "exponential_histogram": shape = .exponentialHistogram
            case "summary": shape = .summary
            default: try reader.skipValue()
            }
            guard let shape else { continue }
            metric.shape = shape
            metric.data = try reader.slice()
        }
        return metric
    }

    private static func data(_ slice: JSONSlice) throws(DecodeError) -> MetricData {
        var reader = JSONReader(slice)
        var data = MetricData()
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "aggregationTemporality", "aggregation_temporality":
                data.temporality = try OTLPJSONEnums.temporality(&reader)
            case "isMonotonic", "is_monotonic": data.isMonotonic = try reader.bool()
            case "dataPoints", "data_points": data.points.append(try reader.slice())
            default: try reader.skipValue()
            }
        }
        return data
    }

    private static func kind(_ shape: Shape, _ data: MetricData) -> PrometheusNaming.Kind {
        switch shape {
        case .gauge: .gauge
        case .sum: data.isMonotonic ? .counter : .upDownCounter
        case .histogram: .histogram
        case .exponentialHistogram: .exponentialHistogram
        case .summary: .summary
        }
    }

    private static func count(_ slice: JSONSlice) throws(DecodeError) -> Int {
        var reader = JSONReader(slice)
        var count = 0
        try reader.beginArray()
        while try reader.nextItem() {
            try reader.skipValue()
            count += 1
        }
        return count
    }

    private mutating func points(
        _ slice: JSONSlice, _ kind: PrometheusNaming.Kind
    ) throws(DecodeError) {
        let resourceCells = translator.attributes.count
        var reader = JSONReader(slice)
        try reader.beginArray()
        while try reader.nextItem() {
            pointCount += 1
            try WireLimits.checkItems(pointCount)
            switch kind {
            case .gauge, .counter, .upDownCounter: try number(&reader)
            case .histogram: try histogram(&reader)
            case .exponentialHistogram: try exponentialHistogram(&reader)
            case .summary: try summary(&reader)
            }
            translator.attributes.truncate(to: resourceCells)
        }
    }
}
