import Compression
import Telemetry
import WireFormats

/// A line of an export that is no OTLP: `{"sidelightRemoteWrite":"…"}`, a `prometheus.WriteRequest` in
/// snappy and base64. It carries what OTLP's metrics cannot tell without loss.
enum ExportLine {
    static let key = "sidelightRemoteWrite"

    static func remoteWrite(_ batch: MetricBatch) -> [UInt8] {
        let body = Snappy.compress(RemoteWrite.encode(batch))
        var writer = JSONWriter(capacity: body.count * 4 / 3 + 64)
        writer.object { line in
            line.key("sidelightRemoteWrite")
            line.quoted { output in body.withUnsafeBytes { Base64.append($0, to: &output) } }
        }
        writer.newline()
        return writer.bytes
    }

    /// The request in a line; `nil` if the line is something else.
    static func remoteWrite(in line: [UInt8]) throws(DecodeError) -> [UInt8]? {
        try line.decoded { (bytes) throws(DecodeError) -> [UInt8]? in
            var reader = JSONReader(bytes)
            try reader.beginObject()
            guard let first = try reader.nextKey(), "sidelightRemoteWrite" ~= first else {
                return nil
            }
            var body: [UInt8] = []
            guard Base64.decode(try reader.string(), into: &body) else {
                throw .malformed(field: key, offset: 0, reason: "it is not base64")
            }
            do throws(CompressionError) {
                return try Snappy.decompress(body, limit: InputLimits.expandedBytesMax)
            } catch {
                throw .malformed(field: key, offset: 0, reason: error.description)
            }
        }
    }
}
