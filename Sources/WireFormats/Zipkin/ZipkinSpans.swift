import Telemetry

/// Zipkin's spans (zipkin.io/zipkin-api) to `SpanBatch`: version 2 as JSON and protobuf, version 1 as
/// JSON.
package enum ZipkinSpans {
    /// Decodes a JSON array of version 2 spans into columns, mapped as OpenTelemetry's "Transformation to Zipkin" maps
    /// them the other way and its collector does this way:
    ///
    /// - `localEndpoint.serviceName` is the resource's `service.name`, one resource a service; its
    ///   address is `net.host.ip` and `net.host.port`. `remoteEndpoint` is `peer.service`,
    ///   `network.peer.address` and `network.peer.port`. Of two addresses the IPv4 one is kept.
    /// - Tags are string attributes. A tag `error` that is not `false` makes the status an error, with
    ///   its text as the message; `otel.status_code` and `otel.status_description` are the status,
    ///   `otel.scope.name`, `otel.scope.version` (or `otel.library.…`) the scope, `w3c.tracestate` the
    ///   trace state.
    /// - Annotations are events. `shared` and `debug`, when true, are the attributes `zipkin.shared` and
    ///   `zipkin.debug`. A span without a kind is internal.
    ///
    /// Trace ids have 16 to 32 hexadecimal digits, span and parent ids 16: a span with others, or with
    /// one of zeros, is rejected and the rest kept.
    /// - Parameter receivedAt: the start of spans without a timestamp.
    /// - Complexity: O(bytes); no allocation per span.
    package static func decode(
        json body: UnsafeRawBufferPointer, receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = ZipkinSpanDecoder(bodyBytes: body.count, receivedAt: receivedAt)
        var reader = JSONReader(body)
        try reader.beginArray()
        while try reader.nextItem() { try decoder.span(&reader) }
        try reader.end()
        return decoded(decoder)
    }

    /// Decodes a protobuf `ListOfSpans` (zipkin.proto of zipkin-api) into columns, mapped as JSON is.
    /// Trace ids have 8 or 16 bytes, span and parent ids 8.
    package static func decode(
        protobuf body: UnsafeRawBufferPointer, receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = ZipkinSpanDecoder(bodyBytes: body.count * 2, receivedAt: receivedAt)
        try decoder.list(ProtobufReader(body))
        return decoded(decoder)
    }

    /// Decodes a JSON array of version 1 spans into columns (`ZipkinV1Decoder` tells how).
    package static func decode(
        jsonV1 body: UnsafeRawBufferPointer, receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = ZipkinV1Decoder(bodyBytes: body.count, receivedAt: receivedAt)
        var reader = JSONReader(body)
        try reader.beginArray()
        while try reader.nextItem() { try decoder.span(&reader) }
        try reader.end()
        return decoded(decoder.rows)
    }

    private static func decoded(_ decoder: ZipkinSpanDecoder) -> Decoded<SpanBatch> {
        Decoded(
            batch: decoder.batch, rejections: decoder.tally.rejections,
            repairedStrings: decoder.batch.strings.repairedCount,
            ignoredFields: decoder.ignoredFields)
    }

    package static func decode(
        json body: [UInt8], receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(json: bytes, receivedAt: receivedAt)
        }
    }

    package static func decode(
        protobuf body: [UInt8], receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(protobuf: bytes, receivedAt: receivedAt)
        }
    }

    package static func decode(
        jsonV1 body: [UInt8], receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(jsonV1: bytes, receivedAt: receivedAt)
        }
    }
}
