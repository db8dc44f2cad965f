import Telemetry

/// The members of a line in a dialect: under which names they are kept, and as what.
struct ForeignLayout {
    struct Slot {
        var key: StringID
        var kind: LineFieldKind
    }

    var scope: UInt32
    var slots: [Slot]
}

/// Tells dialects by the keys of an object, each sequence of keys once a body.
struct JSONDialects {
    /// A body with more sequences of keys than this is looked at again and again.
    private static let knownMax = 1_024

    private var known: [[StringID]: JSONDialect?] = [:]
    private var scopes: [String: UInt32] = [:]

    /// What the line that was just read member by member is kept as; `nil` if as it is.
    mutating func layout(
        of layout: borrowing LogLineLayout, _ batch: inout LogBatch
    ) -> ForeignLayout? {
        let ids = (0..<layout.count).map { layout.slots[$0].key }
        guard let dialect = dialect(ids, batch.strings) else { return nil }
        let slots = ids.map { id in
            let member = dialect.members[batch.strings[id]]
            return ForeignLayout.Slot(
                key: member.map { batch.strings.intern($0.name) } ?? id,
                kind: member?.kind ?? .text)
        }
        return ForeignLayout(scope: scope(dialect.name, &batch), slots: slots)
    }

    private mutating func dialect(_ ids: [StringID], _ strings: StringTable) -> JSONDialect? {
        if let known = known[ids] { return known }
        let dialect = JSONDialect.of(ids.map { strings[$0] })
        if known.count >= Self.knownMax { known.removeAll(keepingCapacity: true) }
        known[ids] = .some(dialect)
        return dialect
    }

    private mutating func scope(_ name: String, _ batch: inout LogBatch) -> UInt32 {
        if let known = scopes[name] { return known }
        let scope = batch.append(Scope(name: name))
        scopes[name] = scope
        return scope
    }
}

extension LogLineDecoder {
    /// Adds the members of a line in a dialect under the names of the vocabulary.
    mutating func appendForeign(_ foreign: ForeignLayout) {
        var text: [UInt8] = []
        swap(&text, &scratch)
        defer { swap(&text, &scratch) }
        for cell in 0..<min(layout.cellCount, foreign.slots.count) {
            let slot = foreign.slots[cell]
            let (type, payload) = (layout.types[cell], layout.payloads[cell])
            switch (type, slot.kind) {
            case (.empty, _): continue
            case (.string, _):
                // Adding to the table may move what is in it.
                text.removeAll(keepingCapacity: true)
                batch.strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                    text.append(contentsOf: $0)
                }
                text.withUnsafeBytes {
                    guard !LineFieldKind.isAbsent($0) else { return }
                    formats.appendField(slot.key, slot.kind, $0, to: &batch)
                }
            case (.int, .seconds), (.int, .nanoseconds), (.int, .milliseconds):
                LineFormats.appendMilliseconds(
                    slot.key, slot.kind, Double(Int64(bitPattern: payload)), to: &batch)
            case (.double, .seconds), (.double, .nanoseconds), (.double, .milliseconds):
                LineFormats.appendMilliseconds(
                    slot.key, slot.kind, Double(bitPattern: payload), to: &batch)
            default: batch.attributes.append(key: slot.key, type: type, payload: payload)
            }
        }
    }
}
