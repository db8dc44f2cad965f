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
    /// Of a value that stands behind a field's name in a line and under another name beside it: others have
    /// shorter ones by chance.
    private static let toldBytesMin = 3

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
        redactAttributes(of: &record, &taken)
        if case .string(let body) = record.body {
            record.body = .string(masked(unescaped(body, without: taken), without: taken))
        } else {
            record.body = redacted(record.body, &taken) ?? .empty
        }
        record.severityText =
            taken.contains(record.severityText) ? "" : redacted(record.severityText)
        record.eventName = redacted(record.eventName)
    }

    /// Those that came beside the line stay apart from those that were read out of it.
    private func redactAttributes(of record: inout LogRecord, _ taken: inout [String]) {
        var told: [String: RedactionRule] = [:]
        if case .string(let body) = record.body { told = self.told(in: body) }
        let hasBody = record.body != .empty
        let count =
            hasBody ? BesideLine.count(flags: record.flags, of: record.attributes.count) : 0
        let beside = redacted(
            replacing(told, in: Array(record.attributes[..<count])), isRecord: true, &taken)
        let others = redacted(
            replacing(told, in: Array(record.attributes[count...])), isRecord: true, &taken)
        record.attributes = beside + others
        guard hasBody else { return }
        record.flags =
            BesideLine.plain(record.flags)
            | BesideLine.flags(beside.count)
    }

    /// The values that stand behind names of fields in a line, plain and as JSON reads them: what the line calls
    /// by that name may be kept under one of the vocabulary.
    private func told(in line: String) -> [String: RedactionRule] {
        var told: [String: RedactionRule] = [:]
        guard !fields.isEmpty else { return told }
        let bytes = Array(line.utf8)
        bytes.withUnsafeBytes { all in
            for (name, rule) in fields {
                for range in TextCuts.values(of: name, in: all)
                where range.count >= Self.toldBytesMin {
                    let text = String(decoding: all[range], as: UTF8.self)
                    told[text] = rule
                    if text.contains("\\"), let read = JSONLiteral.text(of: "\"\(text)\"") {
                        told[read] = rule
                    }
                }
            }
        }
        return told
    }

    private func replacing(
        _ told: [String: RedactionRule], in attributes: [Attribute]
    ) -> [Attribute] {
        guard !told.isEmpty else { return attributes }
        return attributes.compactMap { attribute in
            guard rule(of: attribute.key, isRecord: true) == nil,
                let rule = told[attribute.value.text]
            else { return attribute }
            guard rule.action != .drop else { return nil }
            let text = rule.replacement(for: attribute.value.text.utf8)
            return Attribute(attribute.key, .string(text))
        }
    }

    /// `text` with what the patterns match replaced, values of fields masked, and what stands behind a
    /// field's name, as in logfmt, JSON or a query: also a text that no format was recognised in tells it.
    /// - Parameter values: of fields that were taken out.
    func masked(_ text: String, without values: [String]) -> String {
        let bytes = Array(text.utf8)
        var cuts = TextCuts()
        bytes.withUnsafeBytes { all in
            for value in Set(values) where !value.isEmpty { cuts.add(value: value, in: all) }
            for name in fields.keys { cuts.add(valuesOf: name, in: all) }
            for (rule, pattern) in patterns { cuts.add(pattern, rule, in: all) }
        }
        return cuts.isEmpty ? text : String(decoding: cuts.applied(to: bytes), as: UTF8.self)
    }

    /// A line in JSON with those of its escaped texts replaced that say, when they are read, what is to be masked.
    private func unescaped(_ line: String, without values: [String]) -> String {
        JSONLiteral.replacing(in: line) { text in
            let masked = masked(text, without: values)
            return masked == text ? nil : masked
        }
    }

    /// - Parameters:
    ///   - isRecord: whether names end at the last full stop, too: an object of a document is kept as
    ///     attributes with its name and a full stop before theirs.
    ///   - taken: gets the values of fields that are concerned.
    func redacted(
        _ attributes: [Attribute], isRecord: Bool = false, _ taken: inout [String]
    ) -> [Attribute] {
        attributes.compactMap { attribute in
            if let rule = rule(of: attribute.key, isRecord: isRecord) {
                let text = attribute.value.text
                taken.append(text)
                guard rule.action != .drop else { return nil }
                return Attribute(attribute.key, .string(rule.replacement(for: text.utf8)))
            }
            return redacted(attribute.value, &taken).map { Attribute(attribute.key, $0) }
        }
    }

    private func rule(of name: String, isRecord: Bool) -> RedactionRule? {
        if let rule = fields[name] { return rule }
        guard isRecord, let dot = name.lastIndex(of: ".") else { return nil }
        return fields[String(name[name.index(after: dot)...])]
    }

    private func redacted(_ value: AttributeValue, _ taken: inout [String]) -> AttributeValue? {
        switch value {
        case .string(let text): return .string(redacted(text))
        case .array(let elements): return .array(elements.compactMap { redacted($0, &taken) })
        case .map(let members): return .map(redacted(members, &taken))
        case .int, .double:
            guard !patterns.isEmpty else { return value }
            let text = value.text
            let masked = redacted(text)
            return masked == text ? value : .string(masked)
        case .empty, .bool, .bytes: return value
        }
    }

    func redacted(_ text: String) -> String { masked(text, without: []) }
}
