import QueryCore
import Store
import Telemetry

/// A field that parsers find in log lines.
package struct DetectedField: Sendable, Hashable {
    package var name: String
    /// As Loki names them: `int`, `float`, `boolean`, `duration`, `bytes` or `string`.
    package var type: String
    /// Distinct values seen.
    package var cardinality: Int
    /// `json` or `logfmt`; none for structured metadata.
    package var parsers: [String]
}

/// Values of a field and how many lines have each.
package struct LogFacet: Sendable {
    package var name: String
    /// The most frequent first.
    package var values: [(value: String, count: Int)]
    /// Distinct values seen.
    package var cardinality: Int
}

extension LogQLEngine {
    /// The fields of the newest `lineLimit` lines of a log query, by name, and what of them is not told.
    package func detectedFields(
        _ query: LogQuery, start: Timestamp, end: Timestamp, lineLimit: Int,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> (fields: [DetectedField], warnings: [String]) {
        let found = try fieldValues(query, start: start, end: end, lineLimit: lineLimit, context)
        let fields = found.fields.map { name, field in
            DetectedField(
                name: name, type: FieldType.common(field.counts.keys),
                cardinality: field.counts.count, parsers: field.parsers.sorted())
        }
        return (fields.sorted { $0.name < $1.name }, found.warnings)
    }

    /// The most frequent values of each field in those lines; fields by name, and what of them is not told.
    package func facets(
        _ query: LogQuery, start: Timestamp, end: Timestamp, lineLimit: Int, valueLimit: Int,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> (facets: [LogFacet], warnings: [String]) {
        let found = try fieldValues(query, start: start, end: end, lineLimit: lineLimit, context)
        let facets = found.fields.map { name, field in
            let sorted = field.counts.sorted {
                $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value
            }
            return LogFacet(
                name: name, values: sorted.prefix(valueLimit).map { ($0.key, $0.value) },
                cardinality: field.counts.count)
        }
        return (facets.sorted { $0.name < $1.name }, found.warnings)
    }

    /// The values of one field in those lines, sorted.
    package func detectedValues(
        of name: String, _ query: LogQuery, start: Timestamp, end: Timestamp, lineLimit: Int,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [String] {
        let found = try fieldValues(query, start: start, end: end, lineLimit: lineLimit, context)
        return found.fields[name]?.counts.keys.sorted() ?? []
    }

    private func fieldValues(
        _ query: LogQuery, start: Timestamp, end: Timestamp, lineLimit: Int,
        _ context: QueryContext
    ) throws(QueryError) -> FoundFields {
        let streams = try streams(
            query, start: start, end: end, limit: lineLimit, context: context)
        var found = FoundFields()
        var labels = LineLabels()
        let logfmt = LogfmtParser(LogfmtOptions(isStrict: true), [])
        for stream in streams {
            // What the query's own parsers found is not taken when it is found once more.
            let made = Set((stream.entries.first?.parsed.pairs ?? []).map { Array($0.name.utf8) })
            let own = stream.labels.filter { !made.contains(Array($0)) }
            for entry in stream.entries {
                try context.check()
                labels.begin(stream: own)
                let parser = entry.line.withUnsafeBytes { line in
                    var flattener = JSONFlattener(line)
                    if line.first == UInt8(ascii: "{"), flattener.run(into: &labels) {
                        return "json"
                    }
                    labels.begin(stream: own)
                    return line.contains(UInt8(ascii: "="))
                        && logfmt.run(line, into: &labels) == nil
                        ? "logfmt" : ""
                }
                // A field that is in the line and beside it is one.
                var noted: Set<String> = []
                if !parser.isEmpty { found.note(labels.parsed.withFlagWords, parser, &noted) }
                found.note(entry.parsed, "", &noted)
                found.note(entry.metadata, "", &noted)
            }
        }
        return found
    }
}

/// Fields by name with their values, as many as are remembered.
private struct FoundFields {
    struct Field {
        /// Lines by value.
        var counts: [String: Int] = [:]
        var parsers: Set<String> = []
    }

    /// Of lines with very many fields the first that are met.
    private static let fieldsMax = 1_000
    /// Distinct values of a field.
    private static let valuesMax = 10_000
    /// Of all fields together; some 100 bytes each.
    private static let allValuesMax = 200_000

    private(set) var fields: [String: Field] = [:]
    private var valueCount = 0
    private var leavesOutFields = false
    private var leavesOutValues = false

    /// What is not told, for people.
    var warnings: [String] {
        var warnings: [String] = []
        if leavesOutFields {
            warnings.append(
                "the lines have more than \(Self.fieldsMax) fields: those met first are listed")
        }
        if leavesOutValues {
            warnings.append(
                "values of fields are counted up to \(Self.valuesMax) of a field and "
                    + "\(Self.allValuesMax) in all: there are more")
        }
        return warnings
    }

    /// - Parameter noted: names of the fields of this line that have been noted.
    mutating func note(_ labels: Labels, _ parser: String, _ noted: inout Set<String>) {
        for pair in labels.pairs
        where !pair.name.hasPrefix("__") && noted.insert(pair.name).inserted {
            guard fields[pair.name] != nil || fields.count < Self.fieldsMax else {
                leavesOutFields = true
                continue
            }
            if fields[pair.name]?.counts[pair.value] == nil {
                let known = fields[pair.name]?.counts.count ?? 0
                guard known < Self.valuesMax, valueCount < Self.allValuesMax else {
                    leavesOutValues = true
                    continue
                }
                valueCount += 1
            }
            fields[pair.name, default: Field()].counts[pair.value, default: 0] += 1
            if !parser.isEmpty { fields[pair.name]?.parsers.insert(parser) }
        }
    }
}

extension Labels {
    /// With the words that response flags stand for.
    fileprivate var withFlagWords: Labels {
        guard var flags = self[DerivedLogField.flags], self[DerivedLogField.flagWords] == nil else {
            return self
        }
        var words: [UInt8] = []
        flags.withUTF8 { DerivedLogField.append(UnsafeRawBufferPointer($0), to: &words) }
        return words.isEmpty
            ? self : setting(DerivedLogField.flagWords, String(decoding: words, as: UTF8.self))
    }
}

/// What values of a field look like.
private enum FieldType {
    static func common(_ values: some Sequence<String>) -> String {
        let types = Set(values.map { type(of: $0) })
        if types.count == 1, let only = types.first { return only }
        return types == ["int", "float"] ? "float" : "string"
    }

    private static func type(of value: String) -> String {
        if Int64(value) != nil { return "int" }
        if let number = Double(value), number.isFinite { return "float" }
        if value == "true" || value == "false" { return "boolean" }
        if Quantity.duration(value) != nil { return "duration" }
        return Quantity.bytes(value) == nil || value.isEmpty ? "string" : "bytes"
    }
}
