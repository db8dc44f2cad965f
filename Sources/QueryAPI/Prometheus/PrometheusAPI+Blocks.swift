import HTTPServer
import Store
import Telemetry
import WireFormats

extension PrometheusAPI {
    /// `/api/v1/status/tsdb/blocks`: the files of samples. Summaries of intervals, which Prometheus does not
    /// have, tell theirs as a hint.
    func storageBlocks(_ request: HTTPRequest) async throws -> HTTPResponse {
        let bytes = try await runner.run { [store] _ in
            let blocks = try store.storageReport().blocks
            return PrometheusEnvelope.success { data in
                data.object {
                    $0.arrayField("blocks") { array in
                        for block in blocks { array.object { Self.write(block, to: &$0) } }
                    }
                }
            }
        }
        return .json(bytes)
    }

    private static func write(_ block: MetricStorageBlock, to object: inout JSONWriter) {
        let identifier = SortableIdentifier.of(block)
        object.field("ulid", identifier)
        object.field("minTime", block.times.lowerBound)
        // The first time after the block.
        object.field("maxTime", block.times.upperBound.addingReportingOverflow(1).partialValue)
        object.objectField("stats") {
            $0.field("numSamples", block.samples)
            $0.field("numFloatSamples", block.samples)
            $0.field("numSeries", block.series)
        }
        object.objectField("compaction") {
            $0.field("level", block.level)
            $0.arrayField("sources") { $0.value(identifier) }
            if let interval = block.interval {
                $0.arrayField("hints") { $0.value("summaries of \(interval / 1_000) s") }
            }
        }
        object.field("version", 1)
    }
}

/// ULIDs (github.com/ulid/spec): a time and 80 further bits in Crockford's base 32, so that they sort by time.
enum SortableIdentifier {
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// The same as long as the block begins at the same time: the further bits are those of its name's hash.
    static func of(_ block: MetricStorageBlock) -> String {
        let hash = ContentHash(Array(block.name.utf8))
        let time = UInt64(clamping: block.times.lowerBound) & 0xFFFF_FFFF_FFFF
        var high = time << 16 | hash.high & 0xFFFF
        var low = hash.low
        var digits: [UInt8] = []
        for _ in 0..<26 {
            digits.append(alphabet[Int(low & 31)])
            low = low >> 5 | high << 59
            high >>= 5
        }
        return String(decoding: digits.reversed(), as: UTF8.self)
    }
}
