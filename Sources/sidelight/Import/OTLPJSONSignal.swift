import Compression
import WireFormats

/// Which of the three requests a JSON document is, by its members.
enum OTLPJSONSignal {
    /// - Throws: `DecodeError` if it is no JSON object, or none of the three.
    static func of(_ body: [UInt8]) throws(DecodeError) -> ImportFormat.Signal {
        let signal = try body.decoded {
            (bytes) throws(DecodeError) -> ImportFormat.Signal? in
            var reader = JSONReader(bytes)
            try reader.beginObject()
            while let key = try reader.nextKey() {
                switch key {
                case "resourceSpans", "resource_spans": return .traces
                case "resourceMetrics", "resource_metrics": return .metrics
                case "resourceLogs", "resource_logs": return .logs
                default: try reader.skipValue()
                }
            }
            return nil
        }
        guard let signal else {
            throw .malformed(
                field: "request", offset: 0,
                reason: "no member resourceSpans, resourceMetrics or resourceLogs")
        }
        return signal
    }
}

/// Why a body inside a file cannot be expanded.
struct UnpackedError: Error, CustomStringConvertible {
    var description: String

    static func unpackingSnappy(_ body: [UInt8]) throws(UnpackedError) -> [UInt8] {
        do {
            return try Snappy.decompress(body, limit: InputLimits.expandedBytesMax)
        } catch {
            throw UnpackedError(description: error.description)
        }
    }
}
