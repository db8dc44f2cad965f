import Telemetry

/// Reads a `PostSpansRequest` (jaeger-idl, proto/api_v2/collector.proto and model.proto).
struct JaegerProtobufDecoder {
    private enum BatchField {
        static let spans = ProtobufKey.length(1)
        static let process = ProtobufKey.length(2)
    }

    private enum ProcessField {
        static let serviceName = ProtobufKey.length(1)
        static let tags = ProtobufKey.length(2)
    }

    private enum SpanField {
        static let traceID = ProtobufKey.length(1)
        static let spanID = ProtobufKey.length(2)
        static let operationName = ProtobufKey.length(3)
        static let references = ProtobufKey.length(4)
        static let flags = ProtobufKey.varint(5)
        static let startTime = ProtobufKey.length(6)
        static let duration = ProtobufKey.length(7)
        static let tags = ProtobufKey.length(8)
        static let logs = ProtobufKey.length(9)
        static let process = ProtobufKey.length(10)
    }

    private enum ReferenceField {
        static let traceID = ProtobufKey.length(1)
        static let spanID = ProtobufKey.length(2)
        static let type = ProtobufKey.varint(3)
    }

    private enum LogField {
        static let timestamp = ProtobufKey.length(1)
        static let fields = ProtobufKey.length(2)
    }

    private enum KeyValueField {
        static let key = ProtobufKey.length(1)
        static let type = ProtobufKey.varint(2)
        static let string = ProtobufKey.length(3)
        static let bool = ProtobufKey.varint(4)
        static let int64 = ProtobufKey.varint(5)
        static let float64 = ProtobufKey.fixed64(6)
        static let binary = ProtobufKey.length(7)
    }

    /// Seconds and nanoseconds: `google.protobuf.Timestamp` and `Duration`.
    private enum TimeField {
        static let seconds = ProtobufKey.varint(1)
        static let nanos = ProtobufKey.varint(2)
    }

    /// Field 1 of `PostSpansRequest`.
    private static let batch = ProtobufKey.length(1)

    private(set) var rows: JaegerRows
    /// Spans that carry their process each carry the same few: by content.
    private var processes: [ContentHash: UInt32] = [:]

    init(bodyBytes: Int) { rows = JaegerRows(bodyBytes: bodyBytes) }

    /// Adds or rejects all spans.
    mutating func request(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Self.batch: try batch(try message.message("batch"))
            default: try message.skip(key)
            }
        }
    }

    /// The process stands behind the spans, so the few members of a batch are passed over twice.
    private mutating func batch(_ message: ProtobufReader) throws(DecodeError) {
        var head = message
        var shared: UInt32?
        while true {
            let key = try head.nextKey()
            if key == 0 { break }
            if key == BatchField.process {
                shared = try process(try head.bytes("process"))
            } else {
                try head.skip(key)
            }
        }
        let resource: UInt32
        if let shared {
            resource = shared
        } else {
            resource = try process(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case BatchField.spans: try span(try message.message("span"), resource: resource)
            default: try message.skip(key)
            }
        }
    }

    private mutating func process(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) -> UInt32 {
        let content = ContentHash(bytes)
        if let known = processes[content] { return known }
        let resource = rows.beginProcess()
        var service: StringID = 0
        var message = ProtobufReader(bytes)
        while true {
            let key = try message.nextKey()
            if key == 0 { break }
            switch key {
            case ProcessField.serviceName:
                service = rows.batch.strings.intern(try message.bytes("service_name"))
            case ProcessField.tags:
                let (name, value) = try keyValue(try message.message("process tag"))
                rows.append(processTag: name, value)
            default: try message.skip(key)
            }
        }
        rows.finishProcess(resource, service: service)
        processes[content] = resource
        return resource
    }

    private mutating func span(
        _ message: ProtobufReader, resource: UInt32
    ) throws(DecodeError) {
        try rows.begin()
        var span = JaegerRows.Span()
        span.resource = resource
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return rows.finish(span)
            case SpanField.traceID:
                span.traceID = OTLPIdentifiers.traceID(try message.bytes("trace_id"))
            case SpanField.spanID:
                span.spanID = OTLPIdentifiers.spanID(try message.bytes("span_id"))
            case SpanField.operationName:
                span.name = rows.batch.strings.intern(try message.bytes("operation_name"))
            case SpanField.references: try reference(try message.message("reference"))
            case SpanField.flags: span.flags = try message.uint32("flags")
            case SpanField.startTime:
                span.start = Timestamp(
                    nanoseconds: try nanoseconds(try message.message("start_time")))
            case SpanField.duration:
                span.duration = try nanoseconds(try message.message("duration"))
            case SpanField.tags:
                let (name, value) = try keyValue(try message.message("tag"))
                rows.append(tag: name, value, to: &span)
            case SpanField.logs: try log(try message.message("log"))
            case SpanField.process: span.resource = try process(try message.bytes("process"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func reference(_ message: ProtobufReader) throws(DecodeError) {
        var trace: TraceID?
        var span: SpanID?
        var type: UInt64 = 0
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                // One that names no span says nothing.
                guard let trace, let span else { return }
                return rows.append(reference: span, in: trace, isChildOf: type == 0)
            case ReferenceField.traceID:
                trace = OTLPIdentifiers.traceID(try message.bytes("reference trace_id"))
            case ReferenceField.spanID:
                span = OTLPIdentifiers.spanID(try message.bytes("reference span_id"))
            case ReferenceField.type: type = try message.varint("ref_type")
            default: try message.skip(key)
            }
        }
    }

    private mutating func log(_ message: ProtobufReader) throws(DecodeError) {
        rows.beginLog(at: .zero)
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return rows.finishLog()
            case LogField.timestamp:
                rows.setLogTime(
                    Timestamp(nanoseconds: try nanoseconds(try message.message("log time"))))
            case LogField.fields:
                let (name, value) = try keyValue(try message.message("log field"))
                rows.append(field: name, value)
            default: try message.skip(key)
            }
        }
    }

    /// Saturating.
    private func nanoseconds(_ message: ProtobufReader) throws(DecodeError) -> Int64 {
        var seconds: Int64 = 0
        var nanos: Int32 = 0
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                return Timestamp(seconds: seconds).advanced(byNanoseconds: Int64(nanos))
                    .nanoseconds
            case TimeField.seconds: seconds = try message.int64("seconds")
            case TimeField.nanos: nanos = try message.int32("nanos")
            default: try message.skip(key)
            }
        }
    }

    private mutating func keyValue(
        _ message: ProtobufReader
    ) throws(DecodeError) -> (key: StringID, value: JaegerRows.Value) {
        var name: StringID = 0
        var type: UInt64 = 0
        var number: UInt64 = 0
        var bits: UInt64 = 0
        var flag = false
        var string = UnsafeRawBufferPointer(start: nil, count: 0)
        var binary = UnsafeRawBufferPointer(start: nil, count: 0)
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                let value: JaegerRows.Value =
                    switch type {
                    case 0:
                        .init(type: .string, payload: UInt64(rows.batch.strings.intern(string)))
                    case 1: .init(type: .bool, payload: flag ? 1 : 0)
                    case 2: .init(type: .int, payload: number)
                    case 3: .init(type: .double, payload: bits)
                    case 4:
                        .init(
                            type: .bytes,
                            payload: UInt64(rows.batch.strings.intern(bytes: binary)))
                    default: .init(type: .empty, payload: 0)
                    }
                return (name, value)
            case KeyValueField.key: name = rows.batch.strings.intern(try message.bytes("key"))
            case KeyValueField.type: type = try message.varint("v_type")
            case KeyValueField.string: string = try message.bytes("v_str")
            case KeyValueField.bool: flag = try message.bool("v_bool")
            case KeyValueField.int64: number = try message.varint("v_int64")
            case KeyValueField.float64: bits = try message.fixed64("v_float64")
            case KeyValueField.binary: binary = try message.bytes("v_binary")
            default: try message.skip(key)
            }
        }
    }
}
