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

    private(set) var time: Int64 = 0
    /// Milliseconds at which counting began; 0 is unknown. Remote write 2.0 only.
    private(set) var startTime: Int64 = 0
    /// Without bucket counts, which are below.
    var histogram = NativeHistogram(schema: 0)
    var negativeDeltas: [UInt64] = []
    var positiveDeltas: [UInt64] = []
    var negativeCounts: [Double] = []
    var positiveCounts: [Double] = []
    /// Whether the count is one of weights, which need not be the sum of the buckets.
    var isFloat = false

    mutating func read(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.countInt: histogram.count = Double(try message.varint("count_int"))
            case Field.countFloat:
                histogram.count = try message.double("count_float")
                isFloat = true
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
}
