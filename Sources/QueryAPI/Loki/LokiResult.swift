import LogQL
import QueryCore
import Store
import Telemetry
import WireFormats

/// Writes results as Loki does: `{status,data:{resultType,result,stats}}`.
struct LokiResult {
    private static let severity = "severity_text"

    let bytesMax: Int
    /// Structured metadata as a third element of each entry (what the request header
    /// `X-Loki-Response-Encoding-Flags: categorize-labels` asks for); otherwise as labels of the stream.
    let isCategorized: Bool
    /// Of the entries of each stream.
    var direction = ScanDirection.oldestFirst

    /// Lines by stream.
    /// - Throws: `execution` when the answer grows beyond `bytesMax`.
    func answer(
        _ streams: [LogStreamResult], _ stats: LokiStats, _ context: QueryContext
    ) throws(QueryError) -> [UInt8] {
        try PrometheusEnvelope.success { (data) throws(QueryError) in
            data.beginObject()
            data.field("resultType", "streams")
            if isCategorized { data.field("encodingFlags", strings: ["categorize-labels"]) }
            data.key("result")
            data.beginArray()
            for stream in isCategorized ? unparsed(streams) : streams {
                try context.check()
                for part in isCategorized ? [stream] : Self.merged(stream) {
                    data.object { write(part, to: &$0) }
                }
                guard data.bytes.count <= bytesMax else {
                    throw .execution("the answer exceeds \(bytesMax) bytes; lower the limit")
                }
            }
            data.endArray()
            stats.write(entries: streams.reduce(0) { $0 + $1.entries.count }, to: &data)
            data.endObject()
        }
    }

    /// A message of a tail: lines by stream, and lines that were missed.
    func tailed(
        _ streams: [LogStreamResult], missed: [(labels: Labels, time: Timestamp)]
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { message in
            message.arrayField("streams") { list in
                let shown = isCategorized ? unparsed(streams) : streams.flatMap(Self.merged)
                for stream in shown { list.object { write(stream, to: &$0) } }
            }
            if isCategorized {
                message.field("encodingFlags", strings: ["categorize-labels"])
            }
            guard !missed.isEmpty else { return }
            message.arrayField("dropped_entries") { list in
                for line in missed {
                    list.object { entry in
                        entry.field("labels", line.labels)
                        entry.key("timestamp")
                        entry.quotedValue(line.time.nanoseconds)
                    }
                }
            }
        }
        return writer.bytes
    }

    /// Numbers, as Prometheus writes them.
    func answer(_ result: QueryResult, _ stats: LokiStats) throws(QueryError) -> [UInt8] {
        let values = PrometheusResult(bytesMax: bytesMax, limit: 0)
        return try PrometheusEnvelope.success(warnings: result.warnings) {
            (data) throws(QueryError) in
            data.beginObject()
            data.field("resultType", result.value.typeName)
            data.key("result")
            try values.write(result.value, to: &data)
            stats.write(entries: result.value.seriesCount, to: &data)
            data.endObject()
        }
    }

    private func write(_ stream: LogStreamResult, to writer: inout JSONWriter) {
        writer.field("stream", stream.labels)
        writer.arrayField("values") { array in
            for entry in stream.entries {
                array.array { pair in
                    pair.quotedValue(entry.time.nanoseconds)
                    entry.line.withUnsafeBytes { pair.value(utf8: $0) }
                    if isCategorized { pair.object { metadata(entry, to: &$0) } }
                }
            }
        }
    }

    private func metadata(_ entry: LogEntry, to writer: inout JSONWriter) {
        if !entry.parsed.isEmpty { writer.field("parsed", entry.parsed) }
        let metadata = Self.metadata(entry)
        if !metadata.isEmpty { writer.field("structuredMetadata", metadata) }
    }

    /// What a record says beside its line.
    private static func metadata(_ entry: LogEntry) -> Labels {
        guard entry.traceID.isValid || entry.spanID.isValid || !entry.severity.isEmpty else {
            return entry.metadata
        }
        var pairs = entry.metadata.pairs
        if entry.traceID.isValid { pairs.append(("trace_id", entry.traceID.hex)) }
        if entry.spanID.isValid { pairs.append(("span_id", entry.spanID.hex)) }
        if !entry.severity.isEmpty { pairs.append((severity, entry.severity)) }
        return Labels(pairs)
    }

    /// Streams without the labels that stages made, which are with the entries; their entries by time.
    private func unparsed(_ streams: [LogStreamResult]) -> [LogStreamResult] {
        var results: [LogStreamResult] = []
        var indices: [Labels: Int] = [:]
        for stream in streams {
            guard let first = stream.entries.first else { continue }
            let made = Set(first.parsed.pairs.map(\.name))
            let labels = stream.labels.filter { name in
                !made.contains(String(decoding: name, as: UTF8.self))
            }
            if let index = indices[labels] {
                results[index].entries += stream.entries
            } else {
                indices[labels] = results.count
                results.append(LogStreamResult(labels: labels, entries: stream.entries))
            }
        }
        for index in results.indices { results[index].entries = ordered(results[index].entries) }
        return results
    }

    /// In the order of the direction; entries of one time stay in theirs.
    private func ordered(_ entries: [LogEntry]) -> [LogEntry] {
        entries.indices.sorted { a, b in
            let (first, second) = (entries[a].time, entries[b].time)
            if first == second { return a < b }
            return direction == .newestFirst ? first > second : first < second
        }.map { entries[$0] }
    }

    /// The stream split by what its lines' records say, each part with its own as labels, in order of first
    /// appearance.
    private static func merged(_ stream: LogStreamResult) -> [LogStreamResult] {
        var parts: [LogStreamResult] = []
        var partOf: [Labels: Int] = [:]
        for entry in stream.entries {
            let metadata = metadata(entry)
            if let part = partOf[metadata] {
                parts[part].entries.append(entry)
                continue
            }
            partOf[metadata] = parts.count
            // The record's ids are what it says; its severity gives way to a label.
            let hasSeverity = stream.labels[Self.severity] != nil
            let said =
                hasSeverity
                ? metadata.filter { !$0.elementsEqual(Self.severity.utf8) } : metadata
            parts.append(LogStreamResult(labels: stream.labels.merging(said), entries: [entry]))
        }
        return parts
    }
}

extension QueryValue {
    /// How many series or values there are.
    fileprivate var seriesCount: Int {
        switch self {
        case .scalar, .string: 1
        case .vector(_, let elements): elements.count
        case .matrix(_, let series): series.count
        case .samples(let series): series.count
        }
    }
}
