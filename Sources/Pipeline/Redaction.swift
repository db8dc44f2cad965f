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
            var scopeTaken: [String] = []
            var ofScope = batch.scope(at: batch.scopeIndices[row])
            ofScope.attributes = redacted(ofScope.attributes, &scopeTaken)
            let scope = changed.append(ofScope)
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
        if case .string(let body) = record.body {
            record.body = .string(masked(body, without: taken, readsNames: true))
        } else {
            record.body = redacted(record.body, &taken) ?? .empty
        }
        record.severityText =
            taken.contains(record.severityText) ? "" : redacted(record.severityText)
        record.eventName = redacted(record.eventName)
    }

    /// `text` with what the patterns match replaced, and values of fields masked.
    /// - Parameters:
    ///   - values: of fields that were taken out.
    ///   - readsNames: whether what stands behind a field's name, as in logfmt or JSON, is its value too:
    ///     a text that no format was recognised in may still tell it.
    func masked(_ text: String, without values: [String], readsNames: Bool) -> String {
        let bytes = Array(text.utf8)
        var cuts = TextCuts()
        bytes.withUnsafeBytes { all in
            for value in Set(values) where !value.isEmpty { cuts.add(value: value, in: all) }
            if readsNames {
                for name in fields.keys { cuts.add(valuesOf: name, in: all) }
            }
            for (rule, pattern) in patterns { cuts.add(pattern, rule, in: all) }
        }
        return cuts.isEmpty ? text : String(decoding: cuts.applied(to: bytes), as: UTF8.self)
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
        patterns.isEmpty ? text : masked(text, without: [], readsNames: false)
    }
}

/// Tells quickly which rows of a batch rules may concern, from its interned texts.
struct RedactionConcern {
    private var keys: Set<StringID> = []
    private var texts: Set<StringID> = []
    private let hasPatterns: Bool
    private let fields: [[UInt8]]

    init(_ strings: StringTable, fields: Set<String>, patterns: [Pattern]) {
        hasPatterns = !patterns.isEmpty
        self.fields = fields.map { Array($0.utf8) }
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
            || namesField(batch, row: row) || texts.contains(batch.severityTexts[row])
            || texts.contains(batch.eventNames[row])
            || concerns(batch.attributes, batch.attributeRange(row))
            || concerns(
                batch.shared.attributes,
                batch.shared.resources[Int(batch.resourceIndices[row])].attributes)
            || concerns(
                batch.shared.attributes,
                batch.shared.scopes[Int(batch.scopeIndices[row])].attributes)
    }

    /// Whether a text body has the name of a field in it.
    private func namesField(_ batch: LogBatch, row: Int) -> Bool {
        guard !fields.isEmpty, batch.bodyTypes[row] == .string else { return false }
        let id = StringID(truncatingIfNeeded: batch.bodyPayloads[row])
        return batch.strings.withBytes(of: id) { text in
            fields.contains { TextCuts.first($0, in: text, from: 0) != nil }
        }
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
