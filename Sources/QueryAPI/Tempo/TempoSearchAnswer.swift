import QueryCore
import Telemetry
import TraceQL
import WireFormats

/// Results of searches as Tempo writes them: 64-bit integers as strings, as protobuf's JSON has them.
enum TempoSearchAnswer {
    /// What stands where the root of a trace has not been received.
    static let missingRoot = "<root span not yet received>"

    /// - Parameter further: writes members behind those of Tempo.
    /// - Throws: `execution` when the answer grows beyond `bytesMax`.
    static func bytes(
        _ result: TraceQLSearchResult, bytesMax: Int,
        further: (inout JSONWriter) -> Void = { _ in }
    ) throws(QueryError) -> [UInt8] {
        var writer = JSONWriter(capacity: 1_024)
        writer.beginObject()
        writer.key("traces")
        writer.beginArray()
        for trace in result.traces {
            writer.object { write(trace, to: &$0) }
            guard writer.bytes.count <= bytesMax else {
                throw .execution("the answer exceeds \(bytesMax) bytes; lower limit or spss")
            }
        }
        writer.endArray()
        writer.objectField("metrics") {
            $0.field("inspectedTraces", result.inspectedTraces)
            $0.key("inspectedSpans")
            $0.quotedValue(Int64(result.inspectedSpans))
            $0.field("completedJobs", 1)
            $0.field("totalJobs", 1)
        }
        if result.isPartial {
            writer.field("status", "PARTIAL")
            writer.field("message", "a trace was too large to be judged whole")
        }
        further(&writer)
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ trace: TraceMatch, to writer: inout JSONWriter) {
        writer.field("traceID", trace.id.hex)
        writer.field("rootServiceName", trace.rootService ?? missingRoot)
        writer.field("rootTraceName", trace.rootName ?? missingRoot)
        writer.key("startTimeUnixNano")
        writer.quotedValue(trace.start.nanoseconds)
        writer.field("durationMs", trace.duration / 1_000_000)
        if let first = trace.sets.first {
            writer.objectField("spanSet") { write(first, to: &$0) }
        }
        writer.arrayField("spanSets") { array in
            for set in trace.sets { array.object { write(set, to: &$0) } }
        }
        writer.objectField("serviceStats") { stats in
            for (name, service) in trace.services.sorted(by: { $0.key < $1.key }) {
                stats.key(name)
                stats.object {
                    $0.field("spanCount", service.spanCount)
                    if service.errorCount > 0 { $0.field("errorCount", service.errorCount) }
                }
            }
        }
    }

    private static func write(_ set: TraceMatch.SpanSet, to writer: inout JSONWriter) {
        writer.arrayField("spans") { array in
            for span in set.spans {
                array.object {
                    $0.field("spanID", span.id.hex)
                    $0.field("name", span.name)
                    $0.key("startTimeUnixNano")
                    $0.quotedValue(span.start.nanoseconds)
                    $0.key("durationNanos")
                    $0.quotedValue(span.duration)
                    if !span.attributes.isEmpty { $0.tempoField("attributes", span.attributes) }
                }
            }
        }
        writer.field("matched", set.matchedCount)
        if !set.attributes.isEmpty { writer.tempoField("attributes", set.attributes) }
    }
}

extension JSONWriter {
    /// `[{"key":…,"value":{"stringValue":…}}]`.
    mutating func tempoField(_ key: StaticString, _ attributes: [Attribute]) {
        arrayField(key) { array in
            for attribute in attributes {
                array.object {
                    $0.field("key", attribute.key)
                    $0.objectField("value") { $0.tempoValue(attribute.value) }
                }
            }
        }
    }

    /// The member that says the type of a value.
    private mutating func tempoValue(_ value: AttributeValue) {
        switch value {
        case .bool(let flag): field("boolValue", flag)
        case .int(let number):
            key("intValue")
            quotedValue(number)
        case .double(let number): field("doubleValue", number)
        case .empty: field("stringValue", "nil")
        case .string, .bytes, .array, .map: field("stringValue", value.text)
        }
    }
}
