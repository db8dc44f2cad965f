import HTTPServer
import Store
import Telemetry
import WireFormats

/// Requests of Jaeger's query services, read by hand; most messages of `api_v2` and `api_v3` are alike.
enum JaegerQueryMessages {
    /// Traces of a search that names no number.
    private static let limit = 100

    /// `GetOperationsRequest { service = 1, span_kind = 2 }`
    static func operations(
        _ message: [UInt8]
    ) throws(HTTPError) -> (service: String, kind: String) {
        var (service, kind) = ("", "")
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            switch key {
            case ProtobufKey.length(1): service = try QueryMessage.text(&reader, "service")
            case ProtobufKey.length(2): kind = try QueryMessage.text(&reader, "span_kind")
            default: try reader.skip(key)
            }
        }
        guard !service.isEmpty else {
            throw .badRequest("malformed parameter service: it is required")
        }
        return (service, kind)
    }

    /// `GetTraceRequest { trace_id = 1, … }`: the times and `raw_traces` change nothing.
    static func trace(_ message: [UInt8]) throws(HTTPError) -> TraceID {
        var id = ""
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            switch key {
            case ProtobufKey.length(1): id = try QueryMessage.text(&reader, "trace_id")
            default: try reader.skip(key)
            }
        }
        do throws(IdentifierError) { return try TraceID(hex: id) } catch {
            throw .badRequest("malformed parameter trace_id: \(error)")
        }
    }

    /// `FindTracesRequest { query = 1 }`
    static func find(
        _ message: [UInt8], limits: AnswerLimits
    ) throws(HTTPError) -> TraceQuery {
        var query = TraceQuery(range: .all, limit: limit)
        var start: Timestamp?
        var end: Timestamp?
        var filter: Result<JaegerFilter, any Error>?
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            guard key == ProtobufKey.length(1) else { return try reader.skip(key) }
            var inner = try reader.message("query")
            while inner.remaining > 0 {
                let key = try inner.nextKey()
                switch key {
                case ProtobufKey.length(4): start = try time(&inner, "start_time_min")
                case ProtobufKey.length(5): end = try time(&inner, "start_time_max")
                case ProtobufKey.length(10):
                    var term = try inner.message("filter")
                    filter = Result { try JaegerFilter(&term) }
                default: try readField(key, &inner, into: &query)
                }
            }
        }
        guard let start, let end else {
            throw .badRequest("start_time_min and start_time_max are required")
        }
        query.range = TimeRange(start: start, end: end.advanced(byNanoseconds: 1))
        query.limit = min(query.limit, limits.tracesMax)
        switch filter {
        case nil: break
        case .success(let filter)?: query.traceQL = try JaegerV3.alone(filter, in: query).traceQL()
        case .failure(let error as HTTPError)?: throw error
        case .failure(let error)?: throw JaegerFilter.malformed("\(error)")
        }
        return query
    }

    /// `api_v2`'s `GetTraceRequest { trace_id = 1, … }`: 16 bytes, or 8 of a short id. The times and
    /// `raw_traces` change nothing.
    static func binaryTrace(_ message: [UInt8]) throws(HTTPError) -> TraceID {
        var bytes: [UInt8] = []
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            switch key {
            case ProtobufKey.length(1): bytes = Array(try reader.bytes("trace_id"))
            default: try reader.skip(key)
            }
        }
        guard bytes.count == 16 || bytes.count == 8 else {
            throw .badRequest("trace_id has 16 bytes, not \(bytes.count)")
        }
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reduce(0) { $0 << 8 | UInt64($1) }
        }
        return TraceID(high: word(bytes.dropLast(8)), low: word(bytes.suffix(8)))
    }

    /// `GetDependenciesRequest { start_time = 1, end_time = 2 }`; without them the last day.
    static func range(_ message: [UInt8], now: Timestamp) throws(HTTPError) -> TimeRange {
        var start: Timestamp?
        var end: Timestamp?
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            switch key {
            case ProtobufKey.length(1): start = try time(&reader, "start_time")
            case ProtobufKey.length(2): end = try time(&reader, "end_time")
            default: try reader.skip(key)
            }
        }
        let last = end ?? now
        return TimeRange(
            start: start ?? last.advanced(byNanoseconds: -JaegerAPI.dependencyLookback), end: last)
    }

    /// `TraceQueryParameters`, but its times.
    private static func readField(
        _ key: UInt32, _ reader: inout ProtobufReader, into query: inout TraceQuery
    ) throws(DecodeError) {
        switch key {
        case ProtobufKey.length(1):
            let service = try QueryMessage.text(&reader, "service_name")
            query.service = service.isEmpty ? nil : JaegerProcesses.stored(service: service)
        case ProtobufKey.length(2):
            query.operation = try QueryMessage.text(&reader, "operation_name")
        case ProtobufKey.length(3):
            query.tags.append(try QueryMessage.entry(&reader, "attributes"))
        case ProtobufKey.length(6):
            query.durationMin = try nanoseconds(&reader, "duration_min")
        case ProtobufKey.length(7):
            query.durationMax = try nanoseconds(&reader, "duration_max")
        case ProtobufKey.varint(8):
            let depth = Int(try reader.int32("search_depth"))
            if depth > 0 { query.limit = depth }
        default: try reader.skip(key)
        }
    }

    private static func time(
        _ reader: inout ProtobufReader, _ name: StaticString
    ) throws(DecodeError) -> Timestamp {
        Timestamp(nanoseconds: try nanoseconds(&reader, name))
    }

    /// `google.protobuf.Timestamp` and `Duration`: `{ seconds = 1, nanos = 2 }`; beyond what fits, the bound.
    private static func nanoseconds(
        _ reader: inout ProtobufReader, _ name: StaticString
    ) throws(DecodeError) -> Int64 {
        var inner = try reader.message(name)
        var (seconds, rest): (Int64, Int64) = (0, 0)
        while inner.remaining > 0 {
            let key = try inner.nextKey()
            switch key {
            case ProtobufKey.varint(1): seconds = try inner.int64(name)
            case ProtobufKey.varint(2): rest = Int64(try inner.int32(name))
            default: try inner.skip(key)
            }
        }
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, isTooFar) = whole.addingReportingOverflow(rest)
        return isTooFar ? (rest < 0 ? .min : .max) : sum
    }
}
