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
        var decoder = RemoteWriteDecoder(bodyBytes: body.count, labelBytes: body.count)
        try decoder.request(ProtobufReader(body))
        return decoder.finish()
    }

    /// As above; series that are in `known` keep their labels unread in `body`.
    /// - Returns: also the series that `known` may learn if nothing is wrong with them.
    package static func decode(
        protobuf body: [UInt8], known: KnownSeries
    ) throws(DecodeError) -> (decoded: Decoded<MetricBatch>, new: [LabelRun]) {
        try WireLimits.checkBody(body.count)
        var runs = body.withUnsafeBytes { LabelRun.all(of: $0) }
        known.identify(&runs)
        let unknown = runs.reduce(0) { $1.id == nil ? $0 + Int($1.end - $1.start) : $0 }
        var decoder = RemoteWriteDecoder(
            bodyBytes: body.count, labelBytes: runs.isEmpty ? body.count : unknown, runs: runs)
        try body.decoded { (bytes) throws(DecodeError) in
            try decoder.request(ProtobufReader(bytes))
        }
        let new = decoder.new
        return (decoder.finish(body), new)
    }

    package static func decode(
        protobuf body: [UInt8]
    ) throws(DecodeError) -> Decoded<MetricBatch> {
        try body.decoded { (bytes) throws(DecodeError) in try decode(protobuf: bytes) }
    }
}
