import Telemetry

/// Zipkin's v2 JSON (zipkin.io/zipkin-api, `ListOfSpans`) to `SpanBatch`.
package enum ZipkinSpans {
    /// Decodes an array of spans into columns, mapped as OpenTelemetry's "Transformation to Zipkin" maps
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
        return Decoded(
            batch: decoder.batch, rejections: decoder.tally.rejections,
            repairedStrings: decoder.batch.strings.repairedCount)
    }

    package static func decode(
        json body: [UInt8], receivedAt: Timestamp
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try body.decoded { (bytes) throws(DecodeError) in
            try decode(json: bytes, receivedAt: receivedAt)
        }
    }
}
