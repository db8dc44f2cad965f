import Telemetry

/// Turns lines into rows of a `LogBatch`.
///
/// Lines of one body mostly have the same members in the same order, and many of the same values: the
/// previous line's key and text at each position are tried before the string table is asked.
struct LogLineDecoder: ~Copyable {
    /// What stood at a position of the previous structured line.
    private struct Slot {
        var key: StringID
        var field: LogField
        /// Which of the label fields this is, or −1.
        var label: Int
        /// The text that stood here last; 0 (the empty string) if it was no text.
        var text: StringID = 0
    }

    /// The columns that members of a line may fill.
    private struct RecordFields {
        var time: Timestamp?
        var severityNumber: UInt8 = 0
        var severityText: StringID = 0
        var traceID = TraceID.invalid
        var spanID = SpanID.invalid
        var flags: UInt32 = 0
    }

    private var batch = LogBatch()
    private var tally = RejectionTally()
    private var reader = JSONReader(UnsafeRawBufferPointer(start: nil, count: 0))
    private var nested = CompactValueWriter()
    private var slots: [Slot] = []
    private var resources: LogLineResources
    private let labelNames: [StringID]
    private let receivedAt: Timestamp
    private let scope: UInt32

    init(bodyBytes: Int, options: LogLineOptions, receivedAt: Timestamp) {
        self.receivedAt = receivedAt
        let records = min(bodyBytes / 512 + 1, 65_536)
        batch.strings = StringTable(capacity: records * 8)
        batch.reserveCapacity(records)
        batch.attributes.reserveCapacity(records * 24)
        scope = batch.append(Scope())
        var labelNames: [StringID] = []
        for name in options.labelFields {
            let id = batch.strings.intern(name)
            if !labelNames.contains(id) { labelNames.append(id) }
        }
        self.labelNames = labelNames
        resources = LogLineResources(labelNames: labelNames, fixed: options.resource)
    }

    /// Adds the record of a line, or rejects it. `number` counts from 1.
    mutating func line(_ line: UnsafeRawBufferPointer, number: Int) throws(DecodeError) {
        try WireLimits.checkItems(batch.count)
        guard line.count <= LogLines.lineBytesMax else {
            tally.add(.lineTooLong, example: "line \(number) has \(line.count) bytes")
            return
        }
        resources.beginLine()
        var fields = RecordFields()
        let attributeCount = batch.attributes.count
        if readObject(line, &fields) {
            append(fields, bodyType: .empty, body: 0)
        } else {
            batch.attributes.truncate(to: attributeCount)
            resources.beginLine()
            append(RecordFields(), bodyType: .string, body: UInt64(batch.strings.intern(line)))
        }
    }

    consuming func finish() -> Decoded<LogBatch> {
        Decoded(
            batch: batch, rejections: tally.rejections,
            repairedStrings: batch.strings.repairedCount + nested.repairedStrings)
    }

    private mutating func append(
        _ fields: RecordFields, bodyType: AttributeType, body: UInt64
    ) {
        batch.times.append(fields.time ?? receivedAt)
        batch.observedTimes.append(receivedAt)
        batch.severityNumbers.append(fields.severityNumber)
        batch.severityTexts.append(fields.severityText)
        batch.eventNames.append(0)
        batch.bodyTypes.append(bodyType)
        batch.bodyPayloads.append(body)
        batch.traceIDs.append(fields.traceID)
        batch.spanIDs.append(fields.spanID)
        batch.flags.append(fields.flags)
        batch.resourceIndices.append(
            resources.endLine(shared: &batch.shared, strings: &batch.strings))
        batch.scopeIndices.append(scope)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.droppedAttributeCounts.append(0)
    }

    /// Whether the line is a JSON object, with its members added.
    private mutating func readObject(
        _ line: UnsafeRawBufferPointer, _ fields: inout RecordFields
    ) -> Bool {
        reader.restart(on: line)
        guard reader.skipWhitespace() == UInt8(ascii: "{") else { return false }
        do {
            try reader.beginObject()
            var position = 0
            while let key = try reader.nextKey() {
                if position >= slots.count || !isEqual(key.bytes, slots[position].key) {
                    learn(key, at: position)
                }
                try member(at: position, &fields)
                position &+= 1
            }
            try reader.end()
            return true
        } catch {
            return false
        }
    }

    @inline(never)
    private mutating func learn(_ key: JSONKey, at position: Int) {
        let id = batch.strings.intern(key.bytes)
        let slot = Slot(
            key: id, field: LogField(name: key), label: labelNames.firstIndex(of: id) ?? -1)
        if position < slots.count { slots[position] = slot } else { slots.append(slot) }
    }

    @inline(__always)
    private func isEqual(_ text: UnsafeRawBufferPointer, _ id: StringID) -> Bool {
        batch.strings.withBytes(of: id) { known in
            guard known.count == text.count else { return false }
            var offset = 0
            while offset &+ 8 <= text.count {
                guard
                    known.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                        == text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                else { return false }
                offset &+= 8
            }
            while offset < text.count {
                guard known[offset] == text[offset] else { return false }
                offset &+= 1
            }
            return true
        }
    }

    @inline(__always)
    private mutating func member(
        at position: Int, _ fields: inout RecordFields
    ) throws(DecodeError) {
        let slot = slots[position]
        let type: AttributeType
        let payload: UInt64
        switch try reader.peek() {
        case .string:
            let text = try reader.string()
            let id = isEqual(text, slot.text) ? slot.text : batch.strings.intern(text)
            slots[position].text = id
            (type, payload) = (.string, UInt64(id))
            if slot.field != .plain { recognise(slot.field, text, id, &fields) }
        case .number:
            let number = try reader.number()
            if number.isInteger, let whole = number.int64 {
                (type, payload) = (.int, UInt64(bitPattern: whole))
            } else {
                (type, payload) = (.double, number.double.bitPattern)
            }
            if slot.field != .plain { recognise(slot.field, number.text, nil, &fields) }
        case .null:
            try reader.null()
            (type, payload) = (.empty, 0)
        case .bool: (type, payload) = (.bool, try reader.bool() ? 1 : 0)
        case .array: (type, payload) = (.array, UInt64(try nestedValue()))
        case .object: (type, payload) = (.map, UInt64(try nestedValue()))
        }
        batch.attributes.append(key: slot.key, type: type, payload: payload)
        if slot.label >= 0 { resources.set(slot.label, type: type, payload: payload) }
    }

    private mutating func nestedValue() throws(DecodeError) -> StringID {
        nested.removeAll()
        try nested.json(&reader)
        return batch.strings.intern(bytes: nested.bytes)
    }

    /// Fills the column that a member stands for, unless an earlier one did. `id` is the interned text;
    /// `nil` for a number.
    @inline(never)
    private mutating func recognise(
        _ field: LogField, _ text: UnsafeRawBufferPointer, _ id: StringID?,
        _ fields: inout RecordFields
    ) {
        switch field {
        case .plain: break
        case .time: if fields.time == nil { fields.time = LogFieldText.time(text) }
        case .severity:
            guard fields.severityText == 0 else { return }
            fields.severityNumber = LogFieldText.severity(text)
            fields.severityText = id ?? batch.strings.intern(text)
        case .traceID:
            if !fields.traceID.isValid { fields.traceID = LogFieldText.traceID(text) ?? .invalid }
        case .spanID:
            if !fields.spanID.isValid { fields.spanID = LogFieldText.spanID(text) ?? .invalid }
        case .traceParent:
            guard let parent = LogFieldText.traceParent(text) else { return }
            if !fields.traceID.isValid { fields.traceID = parent.traceID }
            if !fields.spanID.isValid { fields.spanID = parent.spanID }
            fields.flags = parent.flags
        }
    }
}
