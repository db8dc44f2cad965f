import Telemetry

/// Turns lines into rows of a `LogBatch`.
///
/// Lines that are no JSON objects are tried as the formats of `LineFormats`.
///
/// Lines of one body mostly have the same members in the same order, and many of the same values: a line
/// is first tried as one laid out as the line before (`LogLineLayout`); if it is not, it is read member by
/// member, and its layout learned.
struct LogLineDecoder: ~Copyable {
    var batch = LogBatch()
    var tally = RejectionTally()
    var reader = JSONReader(UnsafeRawBufferPointer(start: nil, count: 0))
    var nested = CompactValueWriter()
    private(set) var layout = LogLineLayout()
    var resources: LogLineResources
    let labelNames: [StringID]
    /// Whether the members of the line, rendered, are the line itself, byte for byte.
    var isVerbatim = false
    /// The spacing of the line, if it is known before its members are read; and that of values of members
    /// that have been found to render as they came.
    private var knownSpacing: LineSpacing?
    private var nestedSpacing: LineSpacing?
    /// Fields that should tell a line's time and could not be read.
    private var unreadableTimes = 0
    private let receivedAt: Timestamp
    private let scope: UInt32
    /// What a protocol tells about the next line besides its text: kept before its own fields.
    var metadata = AttributeColumns()
    /// The names that members of the current layout are kept under, if it is a dialect's.
    private(set) var foreign: ForeignLayout?
    private var dialects = JSONDialects()
    var formats: LineFormats
    var scratch: [UInt8] = []

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
        formats = LineFormats(formats: options.formats, utcOffset: options.utcOffset)
    }

    /// Adds the record of a line, or rejects it.
    /// - Parameters:
    ///   - number: of the line in its body, from 1.
    ///   - known: columns that the protocol has told already; fields of the line fill the others.
    ///   - resource: of the batch; `nil` for the one that the label fields of the line make.
    mutating func line(
        _ line: UnsafeRawBufferPointer, number: Int,
        known: LogRecordFields = LogRecordFields(), resource: UInt32? = nil
    ) throws(DecodeError) {
        try WireLimits.checkItems(batch.count)
        defer { metadata.removeAll() }
        guard line.count <= LogLines.lineBytesMax else {
            tally.add(.lineTooLong, example: "line \(number) has \(line.count) bytes")
            return
        }
        var fields = known
        if line.first == UInt8(ascii: "{"), formats.hasObjectFormats,
            appendConfigured(line, known, resource: resource)
        {
            return
        }
        if readAsBefore(line, &fields) || readObject(line, &fields) {
            return appendObject(line, fields, resource: resource)
        }
        fields = known
        let start = beginText()
        let format = formats.appendAny(line, to: &batch, &fields, receivedAt: receivedAt)
        if format == nil { formats.appendPairs(line, to: &batch, &fields) }
        setLabels(from: start)
        append(fields, body: line, resource: resource, scope: format ?? scope)
    }

    /// Adds the record of a line if it is of a format that was configured.
    private mutating func appendConfigured(
        _ line: UnsafeRawBufferPointer, _ known: LogRecordFields, resource: UInt32?
    ) -> Bool {
        guard formats.isConfigured(line) else { return false }
        var fields = known
        let start = beginText()
        let format = formats.append(line, to: &batch, &fields) ?? scope
        setLabels(from: start)
        append(fields, body: line, resource: resource, scope: format)
        return true
    }

    /// Begins the record of a line whose text is kept; gives where its cells start.
    private mutating func beginText() -> Int {
        let start = batch.attributes.count
        resources.beginLine()
        batch.attributes.append(contentsOf: metadata)
        return start
    }

    /// Adds the record of a line that is a JSON object, whose members `layout` has. With nothing beside
    /// it, it is its members alone; if something is, or its names are not kept, or the members would not
    /// render as the same bytes, its text stays too.
    private mutating func appendObject(
        _ line: UnsafeRawBufferPointer, _ fields: LogRecordFields, resource: UInt32?
    ) {
        let start = batch.attributes.count
        batch.attributes.append(contentsOf: metadata)
        if let foreign {
            appendForeign(foreign)
            setLabels(from: start)
            append(fields, body: line, resource: resource, scope: foreign.scope)
        } else {
            layout.append(to: &batch.attributes)
            let isAlone = metadata.count == 0 && isVerbatim
            append(fields, body: isAlone ? nil : line, resource: resource, scope: scope)
        }
    }

    consuming func finish() -> Decoded<LogBatch> {
        Decoded(
            batch: batch, rejections: tally.rejections,
            repairedStrings: batch.strings.repairedCount + nested.repairedStrings,
            ignoredFields: unreadableTimes)
    }

    private mutating func append(
        _ fields: LogRecordFields, body: UnsafeRawBufferPointer?, resource: UInt32?, scope: UInt32
    ) {
        if fields.time == nil, fields.hasUnreadableTime { unreadableTimes += 1 }
        batch.times.append(fields.time ?? receivedAt)
        batch.observedTimes.append(receivedAt)
        batch.severityNumbers.append(fields.severityNumber)
        batch.severityTexts.append(fields.severityText)
        batch.eventNames.append(0)
        if let body {
            let text = batch.strings.intern(body)
            batch.bodyTypes.append(.string)
            batch.bodyPayloads.append(UInt64(text))
        } else {
            batch.bodyTypes.append(.empty)
            batch.bodyPayloads.append(0)
        }
        batch.traceIDs.append(fields.traceID)
        batch.spanIDs.append(fields.spanID)
        let form =
            body == nil
            ? (layout.spacing ?? []).rawValue
            : BesideLine.flags(metadata.count)
        batch.flags.append(LineSpacing.plain(BesideLine.plain(fields.flags)) | form)
        batch.resourceIndices.append(
            resource ?? resources.endLine(shared: &batch.shared, strings: &batch.strings))
        batch.scopeIndices.append(scope)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.droppedAttributeCounts.append(0)
    }

    // MARK: A line laid out as the one before

    /// Reads a line that has the members of the one before, each in its place. False if it has not, or
    /// is not well-formed: then nothing of it counts.
    private mutating func readAsBefore(
        _ line: UnsafeRawBufferPointer, _ fields: inout LogRecordFields
    ) -> Bool {
        guard layout.count > 0, let start = line.baseAddress else { return false }
        let known = fields
        layout.beginLine()
        resources.beginLine()
        isVerbatim = layout.spacing != nil
        knownSpacing = layout.spacing
        let end = line.count
        var offset = 0
        do {
            for position in 0..<layout.count {
                let slot = layout.slots[position]
                guard end &- offset > slot.tokenCount, let tokens = layout.tokens.baseAddress,
                    BytesEqual.test(
                        start + offset, tokens + slot.tokenStart, slot.tokenCount)
                else { return giveUp(&fields, known) }
                offset &+= slot.tokenCount
                offset = try value(at: position, slot, line, offset, &fields)
            }
        } catch {
            return giveUp(&fields, known)
        }
        guard offset &+ 1 == end, line[offset] == UInt8(ascii: "}") else {
            return giveUp(&fields, known)
        }
        return true
    }

    private func giveUp(_ fields: inout LogRecordFields, _ known: LogRecordFields) -> Bool {
        fields = known
        return false
    }

    /// Reads the value at `offset`, of which there is at least a byte; returns where it ends.
    @inline(__always)
    private mutating func value(
        at position: Int, _ slot: LogLineLayout.Slot, _ line: UnsafeRawBufferPointer,
        _ offset: Int, _ fields: inout LogRecordFields
    ) throws(DecodeError) -> Int {
        switch line[offset] {
        case UInt8(ascii: "\""):
            if let end = sameText(slot, line, offset &+ 1) {
                add(slot, .string, UInt64(slot.text))
                if slot.field != .plain {
                    let text = UnsafeRawBufferPointer(rebasing: line[(offset &+ 1)..<(end &- 1)])
                    fields.recognise(slot.field, text, slot.text, &batch.strings)
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
            if slot.field != .plain {
                fields.recognise(slot.field, text, id, &batch.strings)
            }
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
        _ fields: inout LogRecordFields
    ) throws(DecodeError) -> Int {
        reader.restart(on: line)
        try reader.beginObject()
        reader.skip(to: offset)
        _ = try reader.peek()
        // Another line has other spaces, and with them another layout.
        guard reader.offset == offset else {
            throw .malformed(field: "line", offset: offset, reason: "a space before a value")
        }
        try member(at: position, &fields)
        return reader.offset
    }

    // MARK: Any line

    /// Whether the line is a JSON object, with its members added.
    private mutating func readObject(
        _ line: UnsafeRawBufferPointer, _ fields: inout LogRecordFields
    ) -> Bool {
        layout.beginLine()
        resources.beginLine()
        isVerbatim = true
        (knownSpacing, nestedSpacing) = (nil, nil)
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
                        label: labelNames.firstIndex(of: id) ?? -1,
                        spacing: spacing(of: token, key: id, isFirst: position == 0))
                }
                try member(at: position, &fields)
                previousEnd = reader.offset
                position &+= 1
            }
            try reader.end()
            layout.endLearning(members: position)
            // The first token of an empty object is all of it but its end.
            if layout.spacing == nil || max(previousEnd, 1) + 1 != line.count
                || nestedSpacing.map({ $0 != layout.spacing }) ?? false
            {
                isVerbatim = false
            }
            foreign = dialects.layout(of: layout, &batch)
            return true
        } catch {
            // Places learned from a broken line go with other names than the dialect's.
            layout.endLearning(members: foreign == nil ? layout.count : 0)
            return false
        }
    }

    private mutating func member(
        at position: Int, _ fields: inout LogRecordFields
    ) throws(DecodeError) {
        let slot = layout.slots[position]
        let type: AttributeType
        let payload: UInt64
        let kind = try reader.peek()
        let start = reader.offset
        var isPlain = false
        switch kind {
        case .string:
            let text = try reader.string()
            // Between quotation marks, and nothing escaped.
            isPlain = reader.offset &- start == text.count &+ 2
            let id = batch.strings.intern(text)
            (type, payload) = (.string, UInt64(id))
            if slot.field != .plain {
                fields.recognise(slot.field, text, id, &batch.strings)
            }
        case .number:
            let number = try reader.number()
            if number.isInteger, let whole = number.int64 {
                (type, payload) = (.int, UInt64(bitPattern: whole))
            } else {
                (type, payload) = (.double, number.double.bitPattern)
            }
            if slot.field != .plain {
                fields.recognise(slot.field, number.text, nil, &batch.strings)
            }
        case .null:
            try reader.null()
            (type, payload) = (.empty, 0)
            isPlain = true
        case .bool:
            (type, payload) = (.bool, try reader.bool() ? 1 : 0)
            isPlain = true
        case .array: (type, payload) = (.array, UInt64(try nestedValue()))
        case .object:
            (type, payload) = (.map, UInt64(try nestedValue()))
            if slot.field == .traceObject || slot.field == .spanObject {
                recogniseObject(slot.field, from: start, &fields)
            }
        }
        add(slot, type, payload)
        guard isVerbatim, !isPlain else { return }
        let spacing = knownSpacing ?? slot.spacing ?? []
        isVerbatim = rendersAs(reader.read(from: start), type, payload, spacing)
        if knownSpacing == nil, type == .array || type == .map {
            if let nestedSpacing, nestedSpacing != spacing { isVerbatim = false }
            nestedSpacing = spacing
        }
    }

    private mutating func nestedValue() throws(DecodeError) -> StringID {
        nested.removeAll()
        try nested.json(&reader)
        return batch.strings.intern(bytes: nested.bytes)
    }
}
