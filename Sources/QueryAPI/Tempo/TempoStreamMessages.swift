import HTTPServer
import Telemetry
import TraceQL
import WireFormats

/// The messages of `tempopb.StreamingQuerier` (Tempo, `pkg/tempopb/tempo.proto`), written and read by hand.
/// Requests become the parameters of the HTTP routes of the same meaning.
enum TempoStreamMessages {
    private typealias Entry = Parameters.Entry

    /// `SearchRequest`
    static func search(_ message: [UInt8]) throws(HTTPError) -> Parameters {
        var entries: [Entry] = []
        var tags: [String] = []
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            switch key {
            case ProtobufKey.length(1): tags.append(try pair(&reader))
            case ProtobufKey.varint(2): try add("minDuration", "ms", &reader, &entries)
            case ProtobufKey.varint(3): try add("maxDuration", "ms", &reader, &entries)
            case ProtobufKey.varint(4): try add("limit", "", &reader, &entries)
            case ProtobufKey.varint(5): try add("start", "", &reader, &entries)
            case ProtobufKey.varint(6): try add("end", "", &reader, &entries)
            case ProtobufKey.length(8): try addText("q", &reader, &entries)
            case ProtobufKey.varint(9): try add("spss", "", &reader, &entries)
            default: try reader.skip(key)
            }
        }
        if !tags.isEmpty { entries.append(Entry(name: "tags", value: tags.joined(separator: " "))) }
        return Parameters(entries)
    }

    /// `SearchTagsRequest`
    static func tags(_ message: [UInt8]) throws(HTTPError) -> Parameters {
        var entries: [Entry] = []
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            switch key {
            case ProtobufKey.length(1): try addText("scope", &reader, &entries)
            case ProtobufKey.length(2): try addText("q", &reader, &entries)
            case ProtobufKey.varint(3): try add("start", "", &reader, &entries)
            case ProtobufKey.varint(4): try add("end", "", &reader, &entries)
            case ProtobufKey.varint(5): try add("limit", "", &reader, &entries)
            default: try reader.skip(key)
            }
        }
        return Parameters(entries)
    }

    /// `SearchTagValuesRequest`
    static func values(
        _ message: [UInt8]
    ) throws(HTTPError) -> (tag: String, parameters: Parameters) {
        var entries: [Entry] = []
        var tag = ""
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            switch key {
            case ProtobufKey.length(1): tag = try QueryMessage.text(&reader, "tagName")
            case ProtobufKey.length(2): try addText("q", &reader, &entries)
            case ProtobufKey.varint(4): try add("start", "", &reader, &entries)
            case ProtobufKey.varint(5): try add("end", "", &reader, &entries)
            case ProtobufKey.varint(6): try add("limit", "", &reader, &entries)
            default: try reader.skip(key)
            }
        }
        return (tag, Parameters(entries))
    }

    /// A query of series.
    struct Range {
        var query = ""
        var start = Timestamp.zero
        var end = Timestamp.zero
        /// Nanoseconds; 0 where none was asked for.
        var step: Int64 = 0
        var exemplars = 0
    }

    /// `QueryRangeRequest`, and `QueryInstantRequest`, which has its first fields. Times in nanoseconds.
    static func range(_ message: [UInt8]) throws(HTTPError) -> Range {
        var range = Range()
        try QueryMessage.read(message) { (reader, key) throws(DecodeError) in
            switch key {
            case ProtobufKey.length(1): range.query = try QueryMessage.text(&reader, "query")
            case ProtobufKey.varint(2):
                range.start = Timestamp(unixNanoseconds: try reader.varint("start"))
            case ProtobufKey.varint(3):
                range.end = Timestamp(unixNanoseconds: try reader.varint("end"))
            case ProtobufKey.varint(4): range.step = Int64(clamping: try reader.varint("step"))
            case ProtobufKey.varint(16):
                range.exemplars = min(
                    TempoParameters.exemplarsMax, Int(clamping: try reader.varint("exemplars")))
            default: try reader.skip(key)
            }
        }
        return range
    }

    // MARK: Answers

    /// `TraceSearchMetadata`
    static func write(_ trace: TraceMatch, to writer: inout ProtobufWriter) {
        writer.string(1, trace.id.hex)
        writer.string(2, trace.rootService ?? TempoSearchAnswer.missingRoot)
        writer.string(3, trace.rootName ?? TempoSearchAnswer.missingRoot)
        writer.varint(4, UInt64(clamping: trace.start.nanoseconds))
        writer.varint(5, UInt64(UInt32(clamping: trace.duration / 1_000_000)))
        if let first = trace.sets.first { writer.message(6) { write(first, to: &$0) } }
        for set in trace.sets { writer.message(7) { write(set, to: &$0) } }
        for (name, service) in trace.services.sorted(by: { $0.key < $1.key }) {
            writer.message(8) { entry in
                entry.string(1, name)
                entry.message(2) {
                    $0.varint(1, UInt64(service.spanCount))
                    $0.varint(2, UInt64(service.errorCount))
                }
            }
        }
    }

    private static func write(_ set: TraceMatch.SpanSet, to writer: inout ProtobufWriter) {
        for span in set.spans {
            writer.message(1) {
                $0.string(1, span.id.hex)
                $0.string(2, span.name)
                $0.varint(3, UInt64(clamping: span.start.nanoseconds))
                $0.varint(4, UInt64(clamping: span.duration))
                $0.attributes(5, labels(span.attributes))
            }
        }
        writer.varint(2, UInt64(set.matchedCount))
        writer.attributes(3, labels(set.attributes))
    }

    /// `TimeSeries`
    static func write(
        _ series: MetricSeries, of windows: MetricWindows, to writer: inout ProtobufWriter
    ) {
        writer.attributes(1, labels(series.labels))
        for (index, value) in series.values.enumerated() where value.isFinite {
            writer.message(2) {
                $0.double(1, value)
                $0.varint(2, UInt64(bitPattern: windows.time(index).milliseconds))
            }
        }
        for exemplar in series.exemplars {
            writer.message(4) {
                $0.attributes(1, [Attribute("trace:id", .string(exemplar.trace.hex))])
                $0.double(2, exemplar.value)
                $0.varint(3, UInt64(bitPattern: exemplar.time.milliseconds))
            }
        }
    }

    /// A value that is missing is told as the text `nil`.
    static func labels(_ attributes: [Attribute]) -> [Attribute] {
        attributes.map { $0.value == .empty ? Attribute($0.key, .string("nil")) : $0 }
    }

    // MARK: Fields

    /// A number with its unit; zero is none.
    private static func add(
        _ name: String, _ unit: String, _ reader: inout ProtobufReader, _ entries: inout [Entry]
    ) throws(DecodeError) {
        let number = try reader.varint("number")
        if number > 0 { entries.append(Entry(name: name, value: "\(number)\(unit)")) }
    }

    private static func addText(
        _ name: String, _ reader: inout ProtobufReader, _ entries: inout [Entry]
    ) throws(DecodeError) {
        entries.append(Entry(name: name, value: try QueryMessage.text(&reader, "text")))
    }

    /// An entry of a map as logfmt.
    private static func pair(_ reader: inout ProtobufReader) throws(DecodeError) -> String {
        let (name, value) = try QueryMessage.entry(&reader, "tags")
        let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\(name)=\"\(escaped)\""
    }
}
