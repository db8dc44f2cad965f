import Telemetry

/// Prometheus remote write 1.0 (prometheus.io/docs/specs/prw/remote_write_spec, prompb/remote.proto and
/// prompb/types.proto): an uncompressed `WriteRequest` to and from `MetricBatch`.
package enum RemoteWrite {
    /// Decodes a `WriteRequest` that has already been unpacked from its snappy block.
    ///
    /// Labels that are not sorted are sorted; labels with an empty value are dropped. A series with a
    /// repeated label name, an empty label name, no metric name or text that is not UTF-8 is rejected
    /// with all its samples; the others are kept.
    /// - Complexity: O(bytes); no allocation per float series.
    package static func decode(
        protobuf body: UnsafeRawBufferPointer
    ) throws(DecodeError) -> Decoded<MetricBatch> {
        try WireLimits.checkBody(body.count)
        var decoder = RemoteWriteDecoder(bodyBytes: body.count)
        try decoder.request(ProtobufReader(body))
        return decoder.finish()
    }

    package static func decode(
        protobuf body: [UInt8]
    ) throws(DecodeError) -> Decoded<MetricBatch> {
        try body.decoded { (bytes) throws(DecodeError) in try decode(protobuf: bytes) }
    }
}
