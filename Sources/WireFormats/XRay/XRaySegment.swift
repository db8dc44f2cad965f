import Telemetry

/// The members of a segment or subsegment; those with members of their own are passed over, to be read
/// when their row is built. Reading it checks the grammar of all that is inside.
struct XRaySegment {
    /// An id that may be absent or unusable.
    struct Identifier<ID> {
        var isGiven = false
        var value: ID?
    }

    var traceID = Identifier<TraceID>()
    var spanID: SpanID?
    var parentID = Identifier<SpanID>()
    var name: StringID = 0
    var namespace: StringID = 0
    var user: StringID = 0
    var origin: StringID = 0
    var version: StringID = 0
    /// Nanoseconds since the epoch.
    var start: Int64?
    var end: Int64?
    var isSubsegment = false
    var isInProgress = false
    var isError = false
    var isFault = false
    var isThrottled = false
    var http: JSONSlice?
    var aws: JSONSlice?
    var sql: JSONSlice?
    var cause: JSONSlice?
    var annotations: JSONSlice?
    var metadata: JSONSlice?
    var subsegments: JSONSlice?

    init(_ reader: inout JSONReader, strings: inout StringTable) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "trace_id":
                traceID = .init(isGiven: true, value: Self.traceID(try reader.string()))
            case "id": spanID = HexText.spanID(try reader.string())
            case "parent_id":
                parentID = .init(isGiven: true, value: HexText.spanID(try reader.string()))
            case "name": name = strings.intern(try reader.string())
            case "namespace": namespace = strings.intern(try reader.string())
            case "user": user = strings.intern(try reader.tagText())
            case "origin": origin = strings.intern(try reader.string())
            case "type": isSubsegment = "subsegment" ~= JSONKey(bytes: try reader.string())
            case "start_time": start = try Self.time(&reader)
            case "end_time": end = try Self.time(&reader)
            case "in_progress": isInProgress = try reader.bool()
            case "error": isError = try reader.bool()
            case "fault": isFault = try reader.bool()
            case "throttle": isThrottled = try reader.bool()
            case "service": version = try Self.version(&reader, &strings)
            case "http": http = try reader.slice()
            case "aws": aws = try reader.slice()
            case "sql": sql = try reader.slice()
            case "cause": cause = try reader.slice()
            case "annotations": annotations = try reader.slice()
            case "metadata": metadata = try reader.slice()
            case "subsegments": subsegments = try reader.slice()
            default: try reader.skipValue()
            }
        }
    }

    private static func version(
        _ reader: inout JSONReader, _ strings: inout StringTable
    ) throws(DecodeError) -> StringID {
        var version: StringID = 0
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "version": version = strings.intern(try reader.tagText())
            default: try reader.skipValue()
            }
        }
        return version
    }

    /// `1-`, eight digits of seconds, `-` and 24 digits; or 32 digits.
    private static func traceID(_ text: UnsafeRawBufferPointer) -> TraceID? {
        guard text.count == 35 else { return HexText.traceID(text) }
        guard text[0] == UInt8(ascii: "1"), text[1] == UInt8(ascii: "-"),
            text[10] == UInt8(ascii: "-")
        else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { digits in
            for index in 0..<8 { digits[index] = text[index + 2] }
            for index in 8..<32 { digits[index] = text[index + 3] }
            return HexText.traceID(UnsafeRawBufferPointer(digits))
        }
    }

    private static func time(_ reader: inout JSONReader) throws(DecodeError) -> Int64 {
        let number = try reader.number()
        guard let time = DecimalSeconds.nanoseconds(number.text), time >= 0 else {
            throw reader.invalid("start_time or end_time", "seconds since 1970")
        }
        return time
    }
}
