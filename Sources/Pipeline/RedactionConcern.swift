import RegularExpressions
import Telemetry

/// Tells quickly which rows of a batch rules may concern, from its interned texts.
struct RedactionConcern {
    /// Names that rules are for, or that end in one after a full stop.
    private var keys: Set<StringID> = []
    /// Texts that patterns match, that have a field's name in them, or that escapes hide something in.
    private var texts: Set<StringID> = []
    private let patterns: [Pattern]

    init(_ strings: StringTable, fields: Set<String>, patterns: [Pattern]) {
        self.patterns = patterns
        let names = fields.map { Array($0.utf8) }
        for index in 1..<max(1, strings.count) {
            let id = StringID(truncatingIfNeeded: index)
            strings.withBytes(of: id) { text in
                for name in names where TextCuts.first(name, in: text, from: 0) != nil {
                    texts.insert(id)
                    if Self.ends(text, with: name) { keys.insert(id) }
                }
                if patterns.contains(where: { $0.contains(text) }) || JSONLiteral.mayStand(in: text)
                {
                    texts.insert(id)
                }
            }
        }
    }

    /// With nothing or a full stop before it.
    private static func ends(_ text: UnsafeRawBufferPointer, with name: [UInt8]) -> Bool {
        let start = text.count - name.count
        return start >= 0 && text[start...].elementsEqual(name)
            && (start == 0 || text[start - 1] == UInt8(ascii: "."))
    }

    func concerns(_ batch: LogBatch, row: Int) -> Bool {
        concerns(batch.bodyTypes[row], batch.bodyPayloads[row])
            || texts.contains(batch.severityTexts[row])
            || texts.contains(batch.eventNames[row])
            || concerns(batch.attributes, batch.attributeRange(row))
            || concerns(
                batch.shared.attributes,
                batch.shared.resources[Int(batch.resourceIndices[row])].attributes)
            || concerns(
                batch.shared.attributes,
                batch.shared.scopes[Int(batch.scopeIndices[row])].attributes)
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

    private func matches(_ number: @autoclosure () -> String) -> Bool {
        guard !patterns.isEmpty else { return false }
        let text = number()
        return patterns.contains { $0.contains(text) }
    }

    /// What is inside arrays and maps is looked at when they are redacted.
    private func concerns(_ type: AttributeType, _ payload: UInt64) -> Bool {
        switch type {
        case .string: texts.contains(StringID(truncatingIfNeeded: payload))
        case .array, .map: true
        case .int: matches("\(Int64(bitPattern: payload))")
        case .double: matches(AttributeValue.double(Double(bitPattern: payload)).text)
        case .empty, .bool, .bytes: false
        }
    }
}
