import Telemetry

/// Jaeger's spans (jaegertracing/jaeger-idl) to `SpanBatch`: the Thrift `Batch` that clients post to
/// collectors, and the protobuf `PostSpansRequest` that agents send.
///
/// Both are mapped as OpenTelemetry's translator does:
///
/// - A process is a resource: `service.name` and its tags. Tags are attributes of their own types.
/// - The tags `span.kind`, `error` (if true), `otel.status_code`, `otel.status_description`,
///   `otel.scope.name`, `otel.scope.version` (or `otel.library.…`) and `w3c.tracestate` are told by
///   columns and are no attributes.
/// - The parent is the parent id, else the first `CHILD_OF` reference into the same trace, else the first
///   `FOLLOWS_FROM` one. Other references are links, with the attribute `opentracing.ref_type`.
/// - Logs are events, named by their field `event`.
///
/// A span with a trace or span id of zero, or of a wrong length, is rejected and the rest kept.
package enum JaegerSpans {
    /// - Complexity: O(bytes); no allocation per span.
    package static func decode(
        thrift body: UnsafeRawBufferPointer, _ encoding: ThriftEncoding
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = JaegerThriftDecoder(bodyBytes: body.count)
        try decoder.batch(ThriftReader(body, encoding))
        return decoded(decoder.rows)
    }

    /// - Complexity: O(bytes); no allocation per span.
    package static func decode(
        postSpans body: UnsafeRawBufferPointer
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = JaegerProtobufDecoder(bodyBytes: body.count)
        try decoder.request(ProtobufReader(body))
        return decoded(decoder.rows)
    }

    package static func decode(
        thrift body: [UInt8], _ encoding: ThriftEncoding
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(thrift: bytes, encoding)
        }
    }

    package static func decode(postSpans body: [UInt8]) throws(DecodeError) -> Decoded<SpanBatch> {
        try body.decoded { (bytes) throws(DecodeError) in try decode(postSpans: bytes) }
    }

    private static func decoded(_ rows: JaegerRows) -> Decoded<SpanBatch> {
        Decoded(
            batch: rows.batch, rejections: rows.tally.rejections,
            repairedStrings: rows.batch.strings.repairedCount,
            ignoredFields: rows.ignoredFields)
    }
}
