import Telemetry

extension OTLPTraces {
    /// Decodes an `ExportTraceServiceRequest` (or `TracesData`: the same bytes) into columns.
    ///
    /// A span whose trace or span id is not 16 or 8 bytes long or is all zero, or whose parent id is
    /// neither absent nor 8 bytes, is rejected; the others are kept.
    /// - Complexity: O(bytes); no allocation per span.
    package static func decode(
        protobuf body: UnsafeRawBufferPointer
    ) throws(DecodeError) -> Decoded<SpanBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = OTLPSpanDecoder(bodyBytes: body.count)
        try decoder.request(ProtobufReader(body))
        return Decoded(
            batch: decoder.batch, rejections: decoder.tally.rejections,
            repairedStrings: decoder.batch.strings.repairedCount
                + decoder.values.repairedStrings,
            ignoredFields: decoder.ignoredFields)
    }

    package static func decode(protobuf body: [UInt8]) throws(DecodeError) -> Decoded<SpanBatch> {
        try body.decoded { (bytes) throws(DecodeError) in try decode(protobuf: bytes) }
    }
}
