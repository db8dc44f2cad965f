import Telemetry

extension ZipkinSpanDecoder {
    /// Field 1 of `ListOfSpans`.
    private static let spans = ProtobufKey.length(1)

    private enum SpanField {
        static let traceID = ProtobufKey.length(1)
        static let parentID = ProtobufKey.length(2)
        static let id = ProtobufKey.length(3)
        static let kind = ProtobufKey.varint(4)
        static let name = ProtobufKey.length(5)
        static let timestamp = ProtobufKey.fixed64(6)
        static let duration = ProtobufKey.varint(7)
        static let localEndpoint = ProtobufKey.length(8)
        static let remoteEndpoint = ProtobufKey.length(9)
        static let annotations = ProtobufKey.length(10)
        static let tags = ProtobufKey.length(11)
        static let debug = ProtobufKey.varint(12)
        static let shared = ProtobufKey.varint(13)
    }

    private enum EndpointField {
        static let serviceName = ProtobufKey.length(1)
        static let ipv4 = ProtobufKey.length(2)
        static let ipv6 = ProtobufKey.length(3)
        static let port = ProtobufKey.varint(4)
    }

    private enum AnnotationField {
        static let timestamp = ProtobufKey.fixed64(1)
        static let value = ProtobufKey.length(2)
    }

    private enum TagField {
        static let key = ProtobufKey.length(1)
        static let value = ProtobufKey.length(2)
    }

    /// Adds or rejects the spans of a `ListOfSpans`.
    mutating func list(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case Self.spans: try span(try message.message("span"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func span(_ message: ProtobufReader) throws(DecodeError) {
        let mark = try begin()
        var fields = SpanFields()
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return finish(fields, since: mark)
            case SpanField.traceID:
                fields.traceID = Self.traceID(bytes: try message.bytes("trace_id"))
            case SpanField.parentID:
                fields.parentID = OTLPIdentifiers.optionalSpanID(try message.bytes("parent_id"))
            case SpanField.id: fields.spanID = OTLPIdentifiers.spanID(try message.bytes("id"))
            case SpanField.kind: fields.kind = Self.kind(try message.varint("kind"))
            case SpanField.name: fields.name = batch.strings.intern(try message.bytes("name"))
            case SpanField.timestamp:
                fields.start = Int64(clamping: try message.fixed64("timestamp"))
            case SpanField.duration:
                fields.duration = Int64(clamping: try message.varint("duration"))
            case SpanField.localEndpoint:
                append(local: try endpoint(try message.message("local_endpoint")), to: &fields)
            case SpanField.remoteEndpoint:
                append(remote: try endpoint(try message.message("remote_endpoint")))
            case SpanField.annotations: try annotation(try message.message("annotation"))
            case SpanField.tags: try tag(try message.message("tag"), to: &fields)
            case SpanField.debug:
                if try message.bool("debug") { appendDebug(to: &fields) }
            case SpanField.shared: if try message.bool("shared") { appendShared() }
            default: try message.skip(key)
            }
        }
    }

    /// 8 or 16 bytes.
    private static func traceID(bytes: UnsafeRawBufferPointer) -> TraceID? {
        guard bytes.count == 8 else { return OTLPIdentifiers.traceID(bytes) }
        return OTLPIdentifiers.spanID(bytes).map { TraceID(high: 0, low: $0.value) }
    }

    private static func kind(_ number: UInt64) -> SpanKind {
        switch number {
        case 1: .client
        case 2: .server
        case 3: .producer
        case 4: .consumer
        default: .internal
        }
    }

    private mutating func endpoint(_ message: ProtobufReader) throws(DecodeError) -> Endpoint {
        var endpoint = Endpoint()
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return endpoint
            case EndpointField.serviceName:
                endpoint.service = batch.strings.intern(try message.bytes("service_name"))
            case EndpointField.ipv4: endpoint.ipv4 = address(try message.bytes("ipv4"))
            case EndpointField.ipv6: endpoint.ipv6 = address(try message.bytes("ipv6"))
            case EndpointField.port: endpoint.port = port(Int64(try message.int32("port")))
            default: try message.skip(key)
            }
        }
    }

    /// The text of an address; 0 for what has neither 4 nor 16 bytes.
    private mutating func address(_ bytes: UnsafeRawBufferPointer) -> StringID {
        IPAddressText.text(bytes).map { batch.strings.intern($0) } ?? 0
    }

    private mutating func annotation(_ message: ProtobufReader) throws(DecodeError) {
        var time: UInt64 = 0
        var value: StringID = 0
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return append(annotation: value, at: Int64(clamping: time))
            case AnnotationField.timestamp: time = try message.fixed64("annotation timestamp")
            case AnnotationField.value:
                value = batch.strings.intern(try message.bytes("annotation value"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func tag(
        _ message: ProtobufReader, to fields: inout SpanFields
    ) throws(DecodeError) {
        var name: StringID = 0
        var value: StringID = 0
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return append(tag: name, value, to: &fields)
            case TagField.key: name = batch.strings.intern(try message.bytes("tag key"))
            case TagField.value: value = batch.strings.intern(try message.bytes("tag value"))
            default: try message.skip(key)
            }
        }
    }
}
