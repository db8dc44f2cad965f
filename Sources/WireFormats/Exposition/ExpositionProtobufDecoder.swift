import Telemetry

/// Reads delimited `io.prometheus.client.MetricFamily` messages (prometheus/client_model,
/// io/prometheus/client/metrics.proto). A histogram with native buckets becomes a native histogram, one
/// without its classic series.
struct ExpositionProtobufDecoder {
    private enum FamilyField {
        static let name = ProtobufKey.length(1)
        static let help = ProtobufKey.length(2)
        static let type = ProtobufKey.varint(3)
        static let metric = ProtobufKey.length(4)
        static let unit = ProtobufKey.length(5)
    }

    private enum MetricField {
        static let label = ProtobufKey.length(1)
        static let gauge = ProtobufKey.length(2)
        static let counter = ProtobufKey.length(3)
        static let summary = ProtobufKey.length(4)
        static let untyped = ProtobufKey.length(5)
        static let timestamp = ProtobufKey.varint(6)
        static let histogram = ProtobufKey.length(7)
    }

    /// What a metric holds, to be read when its labels and time are known.
    private struct Metric {
        var labels: [ProtobufReader] = []
        var value: (key: UInt32, message: ProtobufReader)?
        var time: Int64?
    }

    private let options: ExpositionOptions
    private var exposed = ExposedMetrics()
    private var tally = RejectionTally()
    private var family: [UInt8] = []
    private var pairs: [LabelPair] = []
    private var labels = ExpositionLabels()
    private var time: Int64 = 0
    private var hasOwnTime = false
    /// Since when the current metric counts, in milliseconds; 0 is unknown.
    private var created: Int64 = 0
    private var repairedStrings = 0

    init(options: ExpositionOptions) { self.options = options }

    mutating func decode(
        _ body: UnsafeRawBufferPointer
    ) throws(DecodeError) -> Decoded<ExposedMetrics> {
        var reader = ProtobufReader(body)
        while reader.remaining > 0 {
            let message: ProtobufReader
            do throws(DecodeError) {
                message = try reader.message("metric family")
            } catch {
                if options.isTruncated { break }
                throw error
            }
            try readFamily(message)
        }
        return Decoded(
            batch: exposed, rejections: tally.rejections, repairedStrings: repairedStrings)
    }

    private mutating func readFamily(_ message: ProtobufReader) throws(DecodeError) {
        var metadata = MetricMetadata(family: "", type: .counter)
        var metrics: [ProtobufReader] = []
        var message = message
        family = []
        reading: while true {
            let key = try message.nextKey()
            switch key {
            case 0: break reading
            case FamilyField.name: family = Array(try message.bytes("family name"))
            case FamilyField.help: metadata.help = text(try message.bytes("help"))
            case FamilyField.type: metadata.type = Self.type(try message.varint("metric type"))
            case FamilyField.metric: metrics.append(try message.message("metric"))
            case FamilyField.unit: metadata.unit = text(try message.bytes("unit"))
            default: try message.skip(key)
            }
        }
        guard !family.isEmpty else {
            return tally.add(
                .emptyMetricName, count: max(1, metrics.count), example: "a family has no name")
        }
        metadata.family = family.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        exposed.batch.metadata.append(metadata)
        for metric in metrics { try readMetric(metric) }
    }

    private static func type(_ raw: UInt64) -> MetricType {
        switch raw {
        case 0: .counter
        case 1: .gauge
        case 2: .summary
        case 4: .histogram
        case 5: .gaugeHistogram
        default: .unknown
        }
    }

    private mutating func readMetric(_ message: ProtobufReader) throws(DecodeError) {
        try WireLimits.checkItems(exposed.batch.sampleCount)
        let metric = try parts(of: message)
        pairs.removeAll(keepingCapacity: true)
        for label in metric.labels { pairs.append(try LabelPair(label)) }
        time = options.receivedAt
        hasOwnTime = false
        if let named = metric.time, options.honorsTimestamps { (time, hasOwnTime) = (named, true) }
        guard let (key, value) = metric.value else { return }
        created = 0
        let first = exposed.batch.seriesCount
        switch key {
        case MetricField.gauge, MetricField.untyped:
            let number = try number(value).value
            if let series = series() { sample(series, number) }
        case MetricField.counter: try counter(value)
        case MetricField.summary: try summary(value)
        default: try histogram(value)
        }
        guard created > 0, created <= time else { return }
        for series in first..<exposed.batch.seriesCount {
            exposed.batch.starts.append(
                SeriesStart(series: UInt32(series), time: created, firstSampleTime: time))
        }
    }

    private mutating func counter(_ message: ProtobufReader) throws(DecodeError) {
        let (number, exemplar) = try number(message)
        guard let series = series() else { return }
        sample(series, number)
        if let exemplar { try self.exemplar(exemplar, series) }
    }

    private func parts(of message: ProtobufReader) throws(DecodeError) -> Metric {
        var metric = Metric()
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return metric
            case MetricField.label: metric.labels.append(try message.message("label"))
            case MetricField.timestamp: metric.time = try message.int64("timestamp_ms")
            case MetricField.gauge, MetricField.counter, MetricField.summary,
                MetricField.untyped, MetricField.histogram:
                metric.value = (key, try message.message("metric value"))
            default: try message.skip(key)
            }
        }
    }

    /// `Gauge`, `Counter` or `Untyped`: a value and, for counters, an exemplar and when they were created.
    private mutating func number(
        _ message: ProtobufReader
    ) throws(DecodeError) -> (value: Double, exemplar: ProtobufReader?) {
        var message = message
        var value = 0.0
        var exemplar: ProtobufReader?
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return (value, exemplar)
            case ProtobufKey.fixed64(1): value = try message.double("value")
            case ProtobufKey.length(2): exemplar = try message.message("exemplar")
            case ProtobufKey.length(3): created = try message.timestamp("created_timestamp")
            default: try message.skip(key)
            }
        }
    }

    private mutating func text(_ bytes: UnsafeRawBufferPointer) -> String {
        if !UTF8Text.isValid(bytes) { repairedStrings += 1 }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension ExpositionProtobufDecoder {
    /// Adds a series of the current metric; `nil`, and counted, if its labels are none.
    private mutating func series(
        suffix: StaticString = "", bound: (name: StaticString, value: Double)? = nil
    ) -> UInt32? {
        labels.removeAll()
        labels.beginLabel(Labels.metricName.utf8)
        labels.append(family)
        suffix.withUTF8Buffer { labels.append($0) }
        labels.endLabel()
        for pair in pairs {
            labels.beginLabel(pair.name)
            labels.append(pair.value)
            labels.endLabel()
        }
        if let bound {
            var text: [UInt8] = []
            ExpositionBound.append(bound.value, to: &text)
            labels.insert(bound.name, text)
        }
        if let reason = defect() {
            tally.add(reason, example: String(labels.labels.description.prefix(200)))
            return nil
        }
        labels.write(to: &exposed.batch.labelBytes)
        exposed.hasOwnTime.append(hasOwnTime)
        return exposed.batch.finishSeries()
    }

    private func defect() -> RejectionReason? {
        if exposed.batch.labelBytes.count > WireLimits.labelBytesMax { return .labelsTooLong }
        if pairs.contains(where: { $0.name.isEmpty }) { return .emptyLabelName }
        if labels.hasDuplicate { return .duplicateLabel }
        return labels.isText ? nil : .invalidUTF8
    }

    private mutating func sample(_ series: UInt32, _ value: Double) {
        exposed.batch.append(series: series, time: time, value: value)
    }

    private mutating func sample(
        suffix: StaticString, bound: (name: StaticString, value: Double)? = nil, _ value: Double
    ) -> UInt32? {
        guard let series = series(suffix: suffix, bound: bound) else { return nil }
        sample(series, value)
        return series
    }

    private mutating func summary(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case ProtobufKey.varint(1):
                _ = sample(suffix: "_count", Double(try message.varint("sample_count")))
            case ProtobufKey.fixed64(2):
                _ = sample(suffix: "_sum", try message.double("sample_sum"))
            case ProtobufKey.length(3):
                let (quantile, value) = try Self.quantile(try message.message("quantile"))
                _ = sample(suffix: "", bound: ("quantile", quantile), value)
            case ProtobufKey.length(4): created = try message.timestamp("created_timestamp")
            default: try message.skip(key)
            }
        }
    }

    private static func quantile(
        _ message: ProtobufReader
    ) throws(DecodeError) -> (quantile: Double, value: Double) {
        var message = message
        var result = (quantile: 0.0, value: 0.0)
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return result
            case ProtobufKey.fixed64(1): result.quantile = try message.double("quantile")
            case ProtobufKey.fixed64(2): result.value = try message.double("quantile value")
            default: try message.skip(key)
            }
        }
    }

    private mutating func histogram(_ message: ProtobufReader) throws(DecodeError) {
        let histogram = try ExposedHistogram(message)
        created = histogram.created
        if histogram.isNative {
            try native(histogram)
            guard options.keepsClassicHistograms, !histogram.buckets.isEmpty else { return }
        }
        _ = sample(suffix: "_count", histogram.count)
        _ = sample(suffix: "_sum", histogram.sum)
        var hasInfinite = false
        for bucket in histogram.buckets {
            if bucket.bound == .infinity { hasInfinite = true }
            let series = sample(suffix: "_bucket", bound: ("le", bucket.bound), bucket.count)
            if let series, let exemplar = bucket.exemplar { try self.exemplar(exemplar, series) }
        }
        if !hasInfinite {
            _ = sample(suffix: "_bucket", bound: ("le", .infinity), histogram.count)
        }
    }

    private mutating func native(_ exposed: ExposedHistogram) throws(DecodeError) {
        let histogram: NativeHistogram
        do throws(HistogramFault) { histogram = try exposed.wire.native() } catch {
            return tally.add(
                .invalidHistogram,
                example: String(decoding: family.prefix(200), as: UTF8.self)
                    + ": \(error.rawValue)")
        }
        guard let series = series() else { return }
        self.exposed.batch.histograms.append(
            HistogramSample(series: series, time: time, histogram: histogram))
        for exemplar in exposed.exemplars { try self.exemplar(exemplar, series) }
    }

    private mutating func exemplar(
        _ message: ProtobufReader, _ series: UInt32
    ) throws(DecodeError) {
        var message = message
        var exemplar = Exemplar(series: series, time: time, value: 0, labels: .empty)
        labels.removeAll()
        reading: while true {
            let key = try message.nextKey()
            switch key {
            case 0: break reading
            case ProtobufKey.length(1):
                let pair = try LabelPair(try message.message("exemplar label"))
                labels.beginLabel(pair.name)
                labels.append(pair.value)
                labels.endLabel()
            case ProtobufKey.fixed64(2): exemplar.value = try message.double("exemplar value")
            case ProtobufKey.length(3):
                exemplar.time = try message.timestamp("exemplar timestamp")
            default: try message.skip(key)
            }
        }
        guard labels.isText, !labels.hasDuplicate,
            labels.characterCount <= ExpositionTextDecoder.exemplarCharactersMax
        else { return }
        exemplar.labels = labels.labels
        exposed.batch.exemplars.append(exemplar)
    }
}

extension ProtobufReader {
    /// A `google.protobuf.Timestamp`, in milliseconds.
    mutating func timestamp(_ field: StaticString) throws(DecodeError) -> Int64 {
        var message = try message(field)
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                return seconds.multipliedReportingOverflow(by: 1_000).partialValue
                    &+ nanoseconds / 1_000_000
            case ProtobufKey.varint(1): seconds = try message.int64("seconds")
            case ProtobufKey.varint(2): nanoseconds = try message.int64("nanos")
            default: try message.skip(key)
            }
        }
    }
}
