import Telemetry

/// What a remote write 2.0 request holds.
package struct SymbolizedWrite: Sendable {
    package var batch = MetricBatch()
    /// When series began to count, where the sender says it: once for each new start of a series.
    package var starts: [SeriesStart] { batch.starts }

    package init() {}
}

extension RemoteWrite {
    /// The message of remote write 2.0, as `Content-Type` names it.
    package static let symbolizedMessage = "io.prometheus.write.v2.Request"

    /// Decodes an `io.prometheus.write.v2.Request` that has already been unpacked from its snappy block
    /// (prometheus.io/docs/specs/prw/remote_write_spec_2_0).
    ///
    /// Labels are treated as those of 1.0; a series whose references lead nowhere is rejected as well.
    /// Metadata of a series becomes that of its family: the metric name without the suffixes of
    /// histograms and summaries.
    /// - Complexity: O(bytes); no allocation per float series.
    package static func decode(
        symbolized body: UnsafeRawBufferPointer
    ) throws(DecodeError) -> Decoded<SymbolizedWrite> {
        try WireLimits.checkBody(body.count)
        var decoder = SymbolizedWriteDecoder(bodyBytes: body.count)
        try decoder.request(ProtobufReader(body))
        return decoder.finish()
    }

    package static func decode(
        symbolized body: [UInt8]
    ) throws(DecodeError) -> Decoded<SymbolizedWrite> {
        try body.decoded { (bytes) throws(DecodeError) in try decode(symbolized: bytes) }
    }
}
