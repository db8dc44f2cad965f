import Telemetry

/// An `io.prometheus.client.Histogram`: classic buckets, native ones, or both.
struct ExposedHistogram {
    private enum Field {
        static let count = ProtobufKey.varint(1)
        static let sum = ProtobufKey.fixed64(2)
        static let bucket = ProtobufKey.length(3)
        static let countFloat = ProtobufKey.fixed64(4)
        static let schema = ProtobufKey.varint(5)
        static let zeroThreshold = ProtobufKey.fixed64(6)
        static let zeroCount = ProtobufKey.varint(7)
        static let zeroCountFloat = ProtobufKey.fixed64(8)
        static let negativeSpan = ProtobufKey.length(9)
        static let negativeDelta: UInt32 = 10
        static let negativeCount: UInt32 = 11
        static let positiveSpan = ProtobufKey.length(12)
        static let positiveDelta: UInt32 = 13
        static let positiveCount: UInt32 = 14
        static let created = ProtobufKey.length(15)
        static let exemplar = ProtobufKey.length(16)
    }

    /// A cumulative bucket.
    struct Bucket {
        var bound = 0.0
        var count = 0.0
        var exemplar: ProtobufReader?
    }

    private(set) var buckets: [Bucket] = []
    /// Those of a native histogram.
    private(set) var exemplars: [ProtobufReader] = []
    /// Its native buckets, in the same shape as remote write has them.
    private(set) var wire = RemoteWriteHistogram()
    /// Milliseconds; 0 is unknown.
    private(set) var created: Int64 = 0

    var count: Double { wire.histogram.count }
    var sum: Double { wire.histogram.sum }

    /// As Prometheus tells (prometheus/model/textparse, `isNativeHistogram`).
    var isNative: Bool {
        wire.histogram.zeroThreshold > 0 || wire.histogram.zeroCount > 0
            || !wire.histogram.positiveSpans.isEmpty || !wire.histogram.negativeSpans.isEmpty
    }

    init(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Field.count:
                let count = Double(try message.varint("sample_count"))
                if wire.histogram.count == 0 { wire.histogram.count = count }
            case Field.sum: wire.histogram.sum = try message.double("sample_sum")
            case Field.bucket: buckets.append(try Self.bucket(try message.message("bucket")))
            case Field.countFloat:
                let count = try message.double("sample_count_float")
                if count > 0 {
                    wire.histogram.count = count
                    wire.isFloat = true
                }
            case Field.schema: wire.histogram.schema = try message.sint32("schema")
            case Field.zeroThreshold:
                wire.histogram.zeroThreshold = try message.double("zero_threshold")
            case Field.zeroCount:
                let count = Double(try message.varint("zero_count"))
                if wire.histogram.zeroCount == 0 { wire.histogram.zeroCount = count }
            case Field.zeroCountFloat:
                let count = try message.double("zero_count_float")
                if count > 0 {
                    wire.histogram.zeroCount = count
                    wire.isFloat = true
                }
            case Field.created: created = try message.timestamp("created_timestamp")
            case Field.exemplar: exemplars.append(try message.message("exemplar"))
            default: try native(key, &message)
            }
        }
    }

    /// Spans and counts, each of which may be packed or not.
    private mutating func native(
        _ key: UInt32, _ message: inout ProtobufReader
    ) throws(DecodeError) {
        let isPacked = key & 7 == ProtobufKey.lengthDelimited
        switch (key >> 3, key & 7) {
        case (Field.negativeSpan >> 3, _) where isPacked:
            wire.histogram.negativeSpans.append(
                try RemoteWriteHistogram.span(try message.message("negative_span")))
        case (Field.positiveSpan >> 3, _) where isPacked:
            wire.histogram.positiveSpans.append(
                try RemoteWriteHistogram.span(try message.message("positive_span")))
        case (Field.negativeDelta, _) where isPacked || key & 7 == 0:
            try message.appendVarints(key, "negative_delta", to: &wire.negativeDeltas)
        case (Field.positiveDelta, _) where isPacked || key & 7 == 0:
            try message.appendVarints(key, "positive_delta", to: &wire.positiveDeltas)
        case (Field.negativeCount, _) where isPacked || key & 7 == 1:
            try message.appendDoubles(key, "negative_count", to: &wire.negativeCounts)
        case (Field.positiveCount, _) where isPacked || key & 7 == 1:
            try message.appendDoubles(key, "positive_count", to: &wire.positiveCounts)
        default: try message.skip(key)
        }
    }

    private static func bucket(_ message: ProtobufReader) throws(DecodeError) -> Bucket {
        var bucket = Bucket()
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return bucket
            case ProtobufKey.varint(1):
                let count = Double(try message.varint("cumulative_count"))
                if bucket.count == 0 { bucket.count = count }
            case ProtobufKey.fixed64(2): bucket.bound = try message.double("upper_bound")
            case ProtobufKey.length(3): bucket.exemplar = try message.message("exemplar")
            case ProtobufKey.fixed64(4):
                let count = try message.double("cumulative_count_float")
                if count > 0 { bucket.count = count }
            default: try message.skip(key)
            }
        }
    }
}
