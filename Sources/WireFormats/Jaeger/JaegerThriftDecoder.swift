import Telemetry

/// Reads a Thrift `Batch` (jaeger-idl, thrift/jaeger.thrift).
struct JaegerThriftDecoder {
    private(set) var rows: JaegerRows

    init(bodyBytes: Int) { rows = JaegerRows(bodyBytes: bodyBytes) }

    /// Adds or rejects the spans of a batch. The process is looked for first: it may stand behind the
    /// spans.
    mutating func batch(_ reader: ThriftReader) throws(DecodeError) {
        let resource = try process(reader)
        var reader = reader
        var last: Int16 = 0
        while let field = try reader.nextField(&last) {
            guard field.id == 2, field.kind == .list else {
                try reader.skip(field.kind)
                continue
            }
            let (kind, count) = try reader.beginList("spans")
            for _ in 0..<count {
                guard kind == .structure else {
                    try reader.skip(kind)
                    continue
                }
                try span(&reader, resource: resource)
            }
        }
        guard reader.remaining == 0 else {
            throw .malformed(
                field: "Batch", offset: reader.offset,
                reason: "\(reader.remaining) bytes follow its end")
        }
    }

    private mutating func process(_ reader: ThriftReader) throws(DecodeError) -> UInt32 {
        let resource = rows.beginProcess()
        var service: StringID = 0
        var reader = reader
        var last: Int16 = 0
        while let field = try reader.nextField(&last) {
            guard field.id == 1, field.kind == .structure else {
                try reader.skip(field.kind)
                continue
            }
            var lastMember: Int16 = 0
            while let member = try reader.nextField(&lastMember) {
                switch (member.id, member.kind) {
                case (1, .string):
                    service = rows.batch.strings.intern(try reader.bytes("serviceName"))
                case (2, .list):
                    try tags(&reader) { rows, key, value in rows.append(processTag: key, value) }
                default: try reader.skip(member.kind)
                }
            }
            break
        }
        rows.finishProcess(resource, service: service)
        return resource
    }

    private mutating func span(
        _ reader: inout ThriftReader, resource: UInt32
    ) throws(DecodeError) {
        try rows.begin()
        var span = JaegerRows.Span()
        span.resource = resource
        var traceHigh: Int64 = 0
        var traceLow: Int64 = 0
        var last: Int16 = 0
        while let field = try reader.nextField(&last) {
            switch (field.id, field.kind) {
            case (1, .int64): traceLow = try reader.int64("traceIdLow")
            case (2, .int64): traceHigh = try reader.int64("traceIdHigh")
            case (3, .int64): span.spanID = Self.spanID(try reader.int64("spanId"))
            case (4, .int64): span.parentID = Self.spanID(try reader.int64("parentSpanId"))
            case (5, .string):
                span.name = rows.batch.strings.intern(try reader.bytes("operationName"))
            case (6, .list): try references(&reader)
            case (7, .int32): span.flags = UInt32(bitPattern: try reader.int32("flags"))
            case (8, .int64):
                span.start = Timestamp(microseconds: try reader.int64("startTime"))
            case (9, .int64):
                span.duration = Timestamp(microseconds: try reader.int64("duration")).nanoseconds
            case (10, .list):
                try tags(&reader) { rows, key, value in
                    rows.append(tag: key, value, to: &span)
                }
            case (11, .list): try logs(&reader)
            default: try reader.skip(field.kind)
            }
        }
        span.traceID = Self.traceID(high: traceHigh, low: traceLow)
        rows.finish(span)
    }

    private static func spanID(_ number: Int64) -> SpanID { SpanID(UInt64(bitPattern: number)) }

    private static func traceID(high: Int64, low: Int64) -> TraceID {
        TraceID(high: UInt64(bitPattern: high), low: UInt64(bitPattern: low))
    }

    private mutating func references(_ reader: inout ThriftReader) throws(DecodeError) {
        let (kind, count) = try reader.beginList("references")
        for _ in 0..<count {
            guard kind == .structure else {
                try reader.skip(kind)
                continue
            }
            var type: Int32 = 0
            var traceHigh: Int64 = 0
            var traceLow: Int64 = 0
            var span: Int64 = 0
            var last: Int16 = 0
            while let field = try reader.nextField(&last) {
                switch (field.id, field.kind) {
                case (1, .int32): type = try reader.int32("refType")
                case (2, .int64): traceLow = try reader.int64("traceIdLow")
                case (3, .int64): traceHigh = try reader.int64("traceIdHigh")
                case (4, .int64): span = try reader.int64("spanId")
                default: try reader.skip(field.kind)
                }
            }
            rows.append(
                reference: Self.spanID(span), in: Self.traceID(high: traceHigh, low: traceLow),
                isChildOf: type == 0)
        }
    }

    private mutating func logs(_ reader: inout ThriftReader) throws(DecodeError) {
        let (kind, count) = try reader.beginList("logs")
        for _ in 0..<count {
            guard kind == .structure else {
                try reader.skip(kind)
                continue
            }
            rows.beginLog(at: .zero)
            var last: Int16 = 0
            while let field = try reader.nextField(&last) {
                switch (field.id, field.kind) {
                case (1, .int64):
                    rows.setLogTime(Timestamp(microseconds: try reader.int64("timestamp")))
                case (2, .list):
                    try tags(&reader) { rows, key, value in rows.append(field: key, value) }
                default: try reader.skip(field.kind)
                }
            }
            rows.finishLog()
        }
    }

    // MARK: Tags

    /// The members of a tag that may hold its value; the one that its type names counts.
    private struct Tag {
        var key: StringID = 0
        var type: Int32 = 0
        var string = UnsafeRawBufferPointer(start: nil, count: 0)
        var binary = UnsafeRawBufferPointer(start: nil, count: 0)
        var double = 0.0
        var bool = false
        var long: Int64 = 0
    }

    private mutating func tags(
        _ reader: inout ThriftReader,
        append: (inout JaegerRows, StringID, JaegerRows.Value) -> Void
    ) throws(DecodeError) {
        let (kind, count) = try reader.beginList("tags")
        for _ in 0..<count {
            guard kind == .structure else {
                try reader.skip(kind)
                continue
            }
            let tag = try tag(&reader)
            append(&rows, tag.key, value(tag))
        }
    }

    private mutating func tag(_ reader: inout ThriftReader) throws(DecodeError) -> Tag {
        var tag = Tag()
        var last: Int16 = 0
        while let field = try reader.nextField(&last) {
            switch (field.id, field.kind) {
            case (1, .string): tag.key = rows.batch.strings.intern(try reader.bytes("tag key"))
            case (2, .int32): tag.type = try reader.int32("vType")
            case (3, .string): tag.string = try reader.bytes("vStr")
            case (4, .double): tag.double = try reader.double("vDouble")
            case (5, .bool): tag.bool = try reader.bool("vBool")
            case (6, .int64): tag.long = try reader.int64("vLong")
            case (7, .string): tag.binary = try reader.bytes("vBinary")
            default: try reader.skip(field.kind)
            }
        }
        return tag
    }

    private mutating func value(_ tag: Tag) -> JaegerRows.Value {
        switch tag.type {
        case 0: .init(type: .string, payload: UInt64(rows.batch.strings.intern(tag.string)))
        case 1: .init(type: .double, payload: tag.double.bitPattern)
        case 2: .init(type: .bool, payload: tag.bool ? 1 : 0)
        case 3: .init(type: .int, payload: UInt64(bitPattern: tag.long))
        case 4:
            .init(type: .bytes, payload: UInt64(rows.batch.strings.intern(bytes: tag.binary)))
        default: .init(type: .empty, payload: 0)
        }
    }
}
