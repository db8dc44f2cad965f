import RegularExpressions
import Telemetry

extension Stage where Batch == LogBatch {
    /// Takes personal data out of records. What was taken out is not in the batch that goes on, nor in
    /// its string table.
    package static func redaction(_ rules: [RedactionRule]) -> Stage {
        let redaction = Redaction(rules)
        return Stage("redaction") { batch, _, _ in redaction.apply(to: batch) }
    }
}

/// The rules of a stage, by what they look at.
struct Redaction: Sendable {
    private(set) var fields: [String: RedactionRule] = [:]
    private(set) var patterns: [(rule: RedactionRule, pattern: Pattern)] = []

    init(_ rules: [RedactionRule]) {
        for rule in rules {
            switch rule.target {
            case .field(let name): fields[name] = fields[name] ?? rule
            case .pattern(let pattern): patterns.append((rule, pattern))
            }
        }
    }

    /// Rows that no rule concerns are copied as they are.
    func apply(to batch: LogBatch) -> LogBatch {
        let concern = RedactionConcern(
            batch.strings, fields: Set(fields.keys), patterns: patterns.map(\.pattern))
        let rows = (0..<batch.count).filter { concern.concerns(batch, row: $0) }
        guard !rows.isEmpty else { return batch }
        var changed = LogBatch()
        var resources: [UInt32: UInt32] = [:]
        for row in rows {
            var record = batch.record(at: row)
            let index = batch.resourceIndices[row]
            if resources[index] == nil {
                var resource = batch.resource(at: index)
                var taken: [String] = []
                resource.attributes = redacted(resource.attributes, &taken)
                resources[index] = changed.append(resource)
            }
            redact(&record)
            let scope = changed.append(batch.scope(at: batch.scopeIndices[row]))
            changed.append(record, resource: resources[index] ?? 0, scope: scope)
        }
        var merger = LogBatchMerger()
        let (old, new) = (merger.add(batch), merger.add(changed))
        var next = 0
        for row in 0..<batch.count {
            if next < rows.count, rows[next] == row {
                merger.append(row: next, of: new)
                next += 1
            } else {
                merger.append(row: row, of: old)
            }
        }
        return merger.take()
    }

    private func redact(_ record: inout LogRecord) {
        var taken: [String] = []
        record.attributes = redacted(record.attributes, &taken)
        if case .string(var body) = record.body {
            // Longer ones first: one may be part of another.
            for value in taken.sorted(by: { $0.utf8.count > $1.utf8.count }) where !value.isEmpty {
                body = Self.masking(value, in: body)
            }
            record.body = .string(redacted(body))
        } else {
            record.body = redacted(record.body, &taken) ?? .empty
        }
    }

    /// - Parameter taken: gets the values of fields that are concerned.
    func redacted(_ attributes: [Attribute], _ taken: inout [String]) -> [Attribute] {
        attributes.compactMap { attribute in
            if let rule = fields[attribute.key] {
                let text = attribute.value.text
                taken.append(text)
                guard rule.action != .drop else { return nil }
                return Attribute(attribute.key, .string(rule.replacement(for: text.utf8)))
            }
            return redacted(attribute.value, &taken).map { Attribute(attribute.key, $0) }
        }
    }

    private func redacted(_ value: AttributeValue, _ taken: inout [String]) -> AttributeValue? {
        switch value {
        case .string(let text): return .string(redacted(text))
        case .array(let elements): return .array(elements.compactMap { redacted($0, &taken) })
        case .map(let members): return .map(redacted(members, &taken))
        case .empty, .bool, .int, .double, .bytes: return value
        }
    }

    /// `text` with what the patterns match replaced.
    func redacted(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for (rule, pattern) in patterns { bytes = Self.replacing(pattern, in: bytes, rule) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func replacing(
        _ pattern: Pattern, in bytes: [UInt8], _ rule: RedactionRule
    ) -> [UInt8] {
        var output: [UInt8] = []
        var ranges: [Range<Int>?] = []
        var start = 0
        bytes.withUnsafeBytes { all in
            while start < all.count {
                let rest = UnsafeRawBufferPointer(rebasing: all[start...])
                guard pattern.captures(rest, whole: false, into: &ranges),
                    let found = ranges.first ?? nil, !found.isEmpty
                else { break }
                output.append(contentsOf: rest[..<found.lowerBound])
                output.append(contentsOf: rule.replacement(for: rest[found]).utf8)
                start += found.upperBound
            }
        }
        guard start > 0 else { return bytes }
        output.append(contentsOf: bytes[start...])
        return output
    }

    /// `text` with a field's value, as it is and as JSON writes it, masked.
    static func masking(_ value: String, in text: String) -> String {
        var escaped: [UInt8] = []
        var value = value
        value.withUTF8 { JSONText.append(string: UnsafeRawBufferPointer($0), to: &escaped) }
        let inner = String(decoding: escaped.dropFirst().dropLast(), as: UTF8.self)
        return text.replacing(value, with: RedactionRule.maskText)
            .replacing(inner, with: RedactionRule.maskText)
    }
}

/// Tells quickly which rows of a batch rules may concern, from its interned texts.
struct RedactionConcern {
    private var keys: Set<StringID> = []
    private var texts: Set<StringID> = []
    private let hasPatterns: Bool

    init(_ strings: StringTable, fields: Set<String>, patterns: [Pattern]) {
        hasPatterns = !patterns.isEmpty
        for field in fields {
            if let id = strings.id(of: field) { keys.insert(id) }
        }
        guard hasPatterns else { return }
        for index in 1..<max(1, strings.count) {
            let id = StringID(truncatingIfNeeded: index)
            let isConcerned = strings.withBytes(of: id) { text in
                patterns.contains { $0.contains(text) }
            }
            if isConcerned { texts.insert(id) }
        }
    }

    func concerns(_ batch: LogBatch, row: Int) -> Bool {
        concerns(batch.bodyTypes[row], batch.bodyPayloads[row])
            || concerns(batch.attributes, batch.attributeRange(row))
            || concerns(
                batch.shared.attributes,
                batch.shared.resources[Int(batch.resourceIndices[row])].attributes)
    }

    private func concerns(_ cells: AttributeColumns, _ range: Range<Int>) -> Bool {
        range.contains { cell in
            keys.contains(cells.keys[cell]) || concerns(cells.types[cell], cells.payloads[cell])
        }
    }

    func concerns(_ batch: SpanBatch, row: Int) -> Bool {
        texts.contains(batch.names[row]) || texts.contains(batch.statusMessages[row])
            || concerns(batch.attributes, batch.attributeRange(row))
            || batch.eventRange(row).contains { event in
                texts.contains(batch.events.names[event])
                    || concerns(batch.events.attributes, batch.events.attributeRange(event))
            }
            || batch.linkRange(row).contains { link in
                concerns(batch.links.attributes, batch.links.attributeRange(link))
            }
            || concerns(
                batch.shared.attributes,
                batch.shared.resources[Int(batch.resourceIndices[row])].attributes)
    }

    /// What is inside arrays and maps is looked at when they are redacted.
    private func concerns(_ type: AttributeType, _ payload: UInt64) -> Bool {
        switch type {
        case .string: texts.contains(StringID(truncatingIfNeeded: payload))
        case .array, .map: true
        case .empty, .bool, .int, .double, .bytes: false
        }
    }
}
