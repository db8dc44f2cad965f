import Telemetry

/// A `prompb.Histogram` as it is on the wire: bucket counts as deltas (integers) or as they are (floats).
struct RemoteWriteHistogram {
    private enum Field {
        static let countInt = ProtobufKey.varint(1)
        static let countFloat = ProtobufKey.fixed64(2)
        static let sum = ProtobufKey.fixed64(3)
        static let schema = ProtobufKey.varint(4)
        static let zeroThreshold = ProtobufKey.fixed64(5)
        static let zeroCountInt = ProtobufKey.varint(6)
        static let zeroCountFloat = ProtobufKey.fixed64(7)
        static let negativeSpans = ProtobufKey.length(8)
        static let negativeDeltas: UInt32 = 9
        static let negativeCounts: UInt32 = 10
        static let positiveSpans = ProtobufKey.length(11)
        static let positiveDeltas: UInt32 = 12
        static let positiveCounts: UInt32 = 13
        static let resetHint = ProtobufKey.varint(14)
        static let timestamp = ProtobufKey.varint(15)
        static let customValues: UInt32 = 16
        static let startTimestamp = ProtobufKey.varint(17)
    }

    /// Schemas of Prometheus's exponential buckets.
    private static let exponentialSchemas: ClosedRange<Int32> = -4...8

    private(set) var time: Int64 = 0
    /// Milliseconds at which counting began; 0 is unknown. Remote write 2.0 only.
    private(set) var startTime: Int64 = 0
    /// Without bucket counts, which are below.
    var histogram = NativeHistogram(schema: 0)
    var negativeDeltas: [UInt64] = []
    var positiveDeltas: [UInt64] = []
    var negativeCounts: [Double] = []
    var positiveCounts: [Double] = []

    mutating func read(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.countInt: histogram.count = Double(try message.varint("count_int"))
            case Field.countFloat: histogram.count = try message.double("count_float")
            case Field.sum: histogram.sum = try message.double("sum")
            case Field.schema: histogram.schema = try message.sint32("schema")
            case Field.zeroThreshold:
                histogram.zeroThreshold = try message.double("zero_threshold")
            case Field.zeroCountInt:
                histogram.zeroCount = Double(try message.varint("zero_count_int"))
            case Field.zeroCountFloat:
                histogram.zeroCount = try message.double("zero_count_float")
            case Field.negativeSpans:
                histogram.negativeSpans.append(
                    try Self.span(try message.message("negative_spans")))
            case Field.positiveSpans:
                histogram.positiveSpans.append(
                    try Self.span(try message.message("positive_spans")))
            case Field.resetHint:
                let raw = UInt8(exactly: try message.varint("reset_hint")) ?? 0
                histogram.resetHint = NativeHistogram.ResetHint(rawValue: raw) ?? .unknown
            case Field.timestamp: time = try message.int64("histogram timestamp")
            case Field.startTimestamp:
                startTime = try message.int64("histogram start_timestamp")
            default: try repeated(key, &message)
            }
        }
    }

    /// The repeated members, each of which may be packed or not.
    private mutating func repeated(
        _ key: UInt32, _ message: inout ProtobufReader
    ) throws(DecodeError) {
        let isPacked = key & 7 == ProtobufKey.lengthDelimited
        switch (key >> 3, key & 7) {
        case (Field.negativeDeltas, _) where isPacked || key & 7 == 0:
            try message.appendVarints(key, "negative_deltas", to: &negativeDeltas)
        case (Field.positiveDeltas, _) where isPacked || key & 7 == 0:
            try message.appendVarints(key, "positive_deltas", to: &positiveDeltas)
        case (Field.negativeCounts, _) where isPacked || key & 7 == 1:
            try message.appendDoubles(key, "negative_counts", to: &negativeCounts)
        case (Field.positiveCounts, _) where isPacked || key & 7 == 1:
            try message.appendDoubles(key, "positive_counts", to: &positiveCounts)
        case (Field.customValues, _) where isPacked || key & 7 == 1:
            try message.appendDoubles(key, "custom_values", to: &histogram.customBounds)
        default: try message.skip(key)
        }
    }

    static func span(
        _ message: ProtobufReader
    ) throws(DecodeError) -> NativeHistogram.Span {
        var message = message
        var span = NativeHistogram.Span(offset: 0, length: 0)
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return span
            case ProtobufKey.varint(1): span.offset = try message.sint32("span offset")
            case ProtobufKey.varint(2): span.length = try message.uint32("span length")
            default: try message.skip(key)
            }
        }
    }

    /// With absolute counts; `nil` if schema, spans and counts do not fit together.
    var native: NativeHistogram? {
        let isCustom = histogram.schema == NativeHistogram.customBucketsSchema
        guard isCustom || Self.exponentialSchemas.contains(histogram.schema),
            isCustom || histogram.customBounds.isEmpty,
            let negative = Self.absolute(negativeDeltas, negativeCounts),
            let positive = Self.absolute(positiveDeltas, positiveCounts),
            Self.fits(histogram.negativeSpans, negative.count),
            Self.fits(histogram.positiveSpans, positive.count)
        else { return nil }
        var native = histogram
        native.negativeCounts = negative
        native.positiveCounts = positive
        return native
    }

    private static func absolute(_ deltas: [UInt64], _ counts: [Double]) -> [Double]? {
        guard deltas.count + counts.count <= WireLimits.histogramBucketsMax else { return nil }
        guard counts.isEmpty else { return deltas.isEmpty ? counts : nil }
        var running: Int64 = 0
        var absolute: [Double] = []
        absolute.reserveCapacity(deltas.count)
        for delta in deltas {
            let (next, overflow) = running.addingReportingOverflow(Varint.unzigzag(delta))
            guard !overflow, next >= 0 else { return nil }
            running = next
            absolute.append(Double(running))
        }
        return absolute
    }

    /// Whether the spans hold exactly `count` buckets; only the first may start below its predecessor.
    private static func fits(_ spans: [NativeHistogram.Span], _ count: Int) -> Bool {
        var buckets: UInt64 = 0
        for (index, span) in spans.enumerated() {
            if index > 0, span.offset < 0 { return false }
            buckets += UInt64(span.length)
        }
        return buckets == UInt64(count)
    }
}
