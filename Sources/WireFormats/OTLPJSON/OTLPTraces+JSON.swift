import Telemetry

extension OTLPTraces {
    /// Decodes an `ExportTraceServiceRequest` in OTLP's JSON encoding (opentelemetry.io/docs/specs/otlp,
    /// "JSON Protobuf Encoding") into columns; field names may be in lower camel or snake case.
    ///
    /// A span whose trace or span id is not 32 or 16 hexadecimal digits or is all zero, or whose parent
    /// id is neither absent nor 16 digits, is rejected; the others are kept.
    /// - Complexity: O(bytes); no allocation per span.
    package static func decode(
        json body: UnsafeRawBufferPointer
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = OTLPJSONSpanDecoder(bodyBytes: body.count)
        var reader = JSONReader(body)
        try decoder.request(&reader)
        try reader.end()
        return Decoded(
            batch: decoder.batch, rejections: decoder.tally.rejections,
            repairedStrings: decoder.batch.strings.repairedCount
                + decoder.values.repairedStrings,
            ignoredFields: decoder.ignoredFields)
    }

    package static func decode(json body: [UInt8]) throws(DecodeError) -> Decoded<SpanBatch> {
        try body.decoded { (bytes) throws(DecodeError) in try decode(json: bytes) }
    }
}
