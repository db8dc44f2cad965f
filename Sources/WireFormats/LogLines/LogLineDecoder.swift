import Telemetry

/// Turns lines into rows of a `LogBatch`.
///
/// Lines of one body mostly have the same members in the same order, and many of the same values: a line
/// is first tried as one laid out as the line before (`LogLineLayout`); if it is not, it is read member by
/// member, and its layout learned.
struct LogLineDecoder: ~Copyable {
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
    private var layout = LogLineLayout()
    private var resources: LogLineResources
    private let labelNames: [StringID]
    private let receivedAt: Timestamp
    private let scope: UInt32

    init(bodyBytes: Int, options: LogLineOptions, receivedAt: Timestamp) {
        self.receivedAt = receivedAt
        let records = min(bodyBytes / 512 + 1, 65_536)
        batch.strings = StringTable(capacity: records * 4)
        batch.reserveCapacity(records)
        batch.attributes.reserveCapacity(records * 16)
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
        var fields = RecordFields()
        if readAsBefore(line, &fields) || readObject(line, &fields) {
            layout.append(to: &batch.attributes)
            append(fields, bodyType: .empty, body: 0)
        } else {
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

    // MARK: A line laid out as the one before

    /// Reads a line that has the members of the one before, each in its place. False if it has not, or
    /// is not well-formed: then nothing of it counts.
    private mutating func readAsBefore(
        _ line: UnsafeRawBufferPointer, _ fields: inout RecordFields
    ) -> Bool {
        guard layout.count > 0, let start = line.baseAddress else { return false }
        layout.beginLine()
        resources.beginLine()
        let end = line.count
        var offset = 0
        do {
            for position in 0..<layout.count {
                let slot = layout.slots[position]
                guard end &- offset > slot.tokenCount, let tokens = layout.tokens.baseAddress,
                    BytesEqual.test(
                        start + offset, tokens + slot.tokenStart, slot.tokenCount)
                else { return giveUp(&fields) }
                offset &+= slot.tokenCount
                offset = try value(at: position, slot, line, offset, &fields)
            }
        } catch {
            return giveUp(&fields)
        }
        guard offset &+ 1 == end, line[offset] == UInt8(ascii: "}") else { return giveUp(&fields) }
        return true
    }

    private func giveUp(_ fields: inout RecordFields) -> Bool {
        fields = RecordFields()
        return false
    }

    /// Reads the value at `offset`, of which there is at least a byte; returns where it ends.
    @inline(__always)
    private mutating func value(
        at position: Int, _ slot: LogLineLayout.Slot, _ line: UnsafeRawBufferPointer,
        _ offset: Int, _ fields: inout RecordFields
    ) throws(DecodeError) -> Int {
        switch line[offset] {
        case UInt8(ascii: "\""):
            if let end = sameText(slot, line, offset &+ 1) {
                add(slot, .string, UInt64(slot.text))
                if slot.field != .plain {
                    let text = UnsafeRawBufferPointer(rebasing: line[(offset &+ 1)..<(end &- 1)])
                    recognise(slot.field, text, slot.text, &fields)
                }
                return end
            }
            let textEnd = JSONText.firstEscape(in: line, from: offset &+ 1)
            guard textEnd < line.count, line[textEnd] == UInt8(ascii: "\"") else { break }
            let text = UnsafeRawBufferPointer(rebasing: line[(offset &+ 1)..<textEnd])
            let id = batch.strings.intern(text)
            let range = batch.strings.range(of: id)
            layout.slots[position].text = id
            layout.slots[position].textStart = range.lowerBound
            layout.slots[position].textCount = range.count
            add(slot, .string, UInt64(id))
            if slot.field != .plain { recognise(slot.field, text, id, &fields) }
            return textEnd &+ 1
        case UInt8(ascii: "0")...UInt8(ascii: "9") where slot.field == .plain:
            guard let (number, end) = Self.wholeNumber(line, offset) else { break }
            add(slot, .int, number)
            return end
        case UInt8(ascii: "n"):
            guard line.count &- offset > 4,
                line.loadUnaligned(fromByteOffset: offset, as: UInt32.self).littleEndian
                    == 0x6C6C_756E
            else { break }
            add(slot, .empty, 0)
            return offset &+ 4
        default: break
        }
        return try readerValue(at: position, line, offset, &fields)
    }

    @inline(__always)
    private mutating func add(
        _ slot: LogLineLayout.Slot, _ type: AttributeType, _ payload: UInt64
    ) {
        layout.add(key: slot.key, type: type, payload: payload)
        if slot.label >= 0 { resources.set(slot.label, type: type, payload: payload) }
    }

    /// The end of the string that starts at `start` if it is the one that stood here last.
    @inline(__always)
    private func sameText(
        _ slot: LogLineLayout.Slot, _ line: UnsafeRawBufferPointer, _ start: Int
    ) -> Int? {
        guard slot.textCount >= 0, line.count &- start > slot.textCount,
            line[start &+ slot.textCount] == UInt8(ascii: "\""), let base = line.baseAddress
        else { return nil }
        let isSame = batch.strings.bytes.withUnsafeBytes { known in
            guard let known = known.baseAddress else { return slot.textCount == 0 }
            return BytesEqual.test(known + slot.textStart, base + start, slot.textCount)
        }
        return isSame ? start &+ slot.textCount &+ 1 : nil
    }

    /// Up to 18 digits without sign, fraction or exponent, and where they end.
    @inline(__always)
    private static func wholeNumber(
        _ line: UnsafeRawBufferPointer, _ offset: Int
    ) -> (number: UInt64, end: Int)? {
        var number: UInt64 = 0
        var index = offset
        while index < line.count {
            let digit = line[index] &- UInt8(ascii: "0")
            if digit > 9 { break }
            number = number &* 10 &+ UInt64(digit)
            index &+= 1
        }
        guard index < line.count, index &- offset <= 18,
            line[index] == UInt8(ascii: ",") || line[index] == UInt8(ascii: "}"),
            line[offset] != UInt8(ascii: "0") || index == offset &+ 1
        else { return nil }
        return (number, index)
    }

    /// Has the reader read the value at `offset`.
    @inline(never)
    private mutating func readerValue(
        at position: Int, _ line: UnsafeRawBufferPointer, _ offset: Int,
        _ fields: inout RecordFields
    ) throws(DecodeError) -> Int {
        reader.restart(on: line)
        try reader.beginObject()
        reader.skip(to: offset)
        try member(at: position, &fields)
        return reader.offset
    }

    // MARK: Any line

    /// Whether the line is a JSON object, with its members added.
    private mutating func readObject(
        _ line: UnsafeRawBufferPointer, _ fields: inout RecordFields
    ) -> Bool {
        layout.beginLine()
        resources.beginLine()
        reader.restart(on: line)
        guard reader.skipWhitespace() == UInt8(ascii: "{") else { return false }
        do {
            // The first token starts with the line.
            var previousEnd = 0
            try reader.beginObject()
            var position = 0
            while let key = try reader.nextKey() {
                // A key with escapes is decoded into memory that reading on overwrites.
                let id = batch.strings.intern(key.bytes)
                let field = LogField(name: key)
                _ = try reader.peek()
                let token = UnsafeRawBufferPointer(rebasing: line[previousEnd..<reader.offset])
                if !layout.isKnown(token, at: position) {
                    layout.learn(
                        token, at: position, key: id, field: field,
                        label: labelNames.firstIndex(of: id) ?? -1)
                }
                try member(at: position, &fields)
                previousEnd = reader.offset
                position &+= 1
            }
            try reader.end()
            layout.endLearning(members: position)
            return true
        } catch {
            return false
        }
    }

    private mutating func member(
        at position: Int, _ fields: inout RecordFields
    ) throws(DecodeError) {
        let slot = layout.slots[position]
        let type: AttributeType
        let payload: UInt64
        switch try reader.peek() {
        case .string:
            let text = try reader.string()
            let id = batch.strings.intern(text)
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
        add(slot, type, payload)
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
