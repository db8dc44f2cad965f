import Compression
import Foundation
import Telemetry
import WireFormats

/// What an exported file holds, in forms that do not depend on the order and grouping of lines.
struct ExportContent {
    /// A float sample with the bits of its value, so that NaN equals itself.
    struct Value: Hashable {
        var labels: Labels
        var time: Int64
        var value: UInt64
    }

    var spans: SampleTraces.Spans = [:]
    /// Records with their resources, sorted.
    var logs: [String] = []
    var samples: Set<Value> = []
    var histograms: [NativeHistogram] = []
    /// The last told of each family.
    var metadata: Set<MetricMetadata> = []

    init(_ path: String) throws {
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        if path.hasSuffix(".gz") {
            bytes = try Zlib.decompress(bytes, format: .gzip, limit: 1 << 28)
        } else if path.hasSuffix(".zst") {
            bytes = try Zstd.decompress(bytes, limit: 1 << 28)
        }
        var families: [String: MetricMetadata] = [:]
        for line in bytes.split(separator: 0x0A).map({ Array($0) }) {
            let value = try Answer(parsing: String(decoding: line, as: UTF8.self))
            var metrics: MetricBatch?
            switch value.keys.first {
            case "resourceSpans": spans.merge(SampleTraces.spans(ofOTLP: value)) { $1 }
            case "resourceLogs": logs += Self.records(value)
            case "resourceMetrics": metrics = try OTLPMetrics.decode(json: line).batch
            default:
                let body = Data(base64Encoded: value["sidelightRemoteWrite"].string ?? "") ?? Data()
                let request = try Snappy.decompress(Array(body), limit: 1 << 28)
                metrics = try RemoteWrite.decode(protobuf: request).batch
            }
            guard let metrics else { continue }
            samples.formUnion(Self.samples(of: metrics))
            histograms += metrics.histograms.map(\.histogram)
            for entry in metrics.metadata { families[entry.family] = entry }
        }
        logs.sort()
        metadata = Set(families.values)
    }

    static func samples(of batch: MetricBatch) -> Set<Value> {
        Set(
            batch.sampleTimes.indices.map {
                Value(
                    labels: batch.labels(Int(batch.sampleSeries[$0])), time: batch.sampleTimes[$0],
                    value: batch.sampleValues[$0].bitPattern)
            })
    }

    private static func records(_ request: Answer) -> [String] {
        var records: [String] = []
        for resource in request["resourceLogs"].array {
            for scope in resource["scopeLogs"].array {
                for record in scope["logRecords"].array {
                    records.append(
                        resource["resource"].text + scope["scope"].text + record.text)
                }
            }
        }
        return records
    }

    /// An answer's elements in an order of their own: those of equal rank come in any.
    static func sorted(_ answer: Answer) -> String {
        if let members = answer.value as? [String: Any] {
            return members.map { "\($0):\(sorted(Answer($1)))" }.sorted().joined(separator: ",")
        }
        if answer.value is [Any] {
            return answer.array.map { sorted($0) }.sorted().joined(separator: ";")
        }
        return answer.text
    }
}
