import Telemetry

/// Groups of log columns that a reader can ask for.
package struct LogColumns: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Times and observed times.
    package static let times = LogColumns(rawValue: 1)
    /// Severities, event names, flags, resources and scopes.
    package static let core = LogColumns(rawValue: 2)
    /// Attributes and their dropped counts.
    package static let attributes = LogColumns(rawValue: 4)
    package static let body = LogColumns(rawValue: 8)
    /// Trace and span ids.
    package static let trace = LogColumns(rawValue: 16)
    package static let all: LogColumns = [.times, .core, .attributes, .body, .trace]
}

/// Batches of log records as bytes and back. The order of rows is kept; strings are renumbered.
package enum LogBatchCodec {
    /// Column ids, on disk. Value columns of attributes and bodies start at 64.
    enum Column {
        static let times: UInt32 = 1
        /// Observed minus time.
        static let observedDelays: UInt32 = 2

        static let severityNumbers: UInt32 = 3
        static let severityTexts: UInt32 = 4
        static let eventNames: UInt32 = 5
        static let flags: UInt32 = 6
        static let resources: UInt32 = 7
        static let scopes: UInt32 = 8
        static let shared: UInt32 = 9
        static let coreStrings = StringSectionIDs(texts: 10, packed: 21)

        static let attributes = AttributeSets.ColumnIDs(shapes: 11, group: 0)
        static let droppedAttributes: UInt32 = 12
        static let attributeStrings = StringSectionIDs(texts: 13, packed: 22)

        static let bodyTypes: UInt32 = 14
        /// Value column of bodies of each type.
        static let bodies = AttributeSets.ColumnIDs(shapes: 14, group: 3)
        static let bodyStrings = StringSectionIDs(texts: 15, packed: 23)

        static let traces = TraceColumnIDs(count: 16, high: 17, low: 18, ofRow: 19)
        static let spanIDs: UInt32 = 20

        // Sections by form, in the place of those above in all but the journal.
        static let typedCore = TypedSectionIDs(head: 24, columns: 1 << 16)
        static let typedAttributes = TypedSectionIDs(head: 25, columns: 2 << 16)
        static let typedBodies = TypedSectionIDs(head: 26, columns: 3 << 16)
    }

    /// - Precondition: at most `ColumnLimits.rowsMax` records, and runs that end within their columns.
    package static func encode(_ batch: LogBatch, effort: EncodingEffort) -> [UInt8] {
        var encoder = BatchEncoder(
            kind: .logs, effort: effort, rows: batch.count, table: batch.strings,
            bytesExpected: batch.count * 64 + batch.strings.byteCount + 1_024)
        if batch.isEmpty { return encoder.container.finish() }
        let traces = TraceIndex(batch.traceIDs)
        encoder.add(traces, ids: Column.traces)
        encoder.addRandom(Column.spanIDs, batch.spanIDs)
        encodeTimes(batch, into: &encoder)
        encodeCore(batch, into: &encoder)
        if effort == .journal {
            encoder.addStringSection(Column.coreStrings)
        } else {
            encoder.addTypedStringSection(Column.typedCore)
        }
        batch.attributeEnds.withUnsafeBufferPointer { ends in
            AttributeSetEncoder.encode(
                batch.attributes, ends: ends, stringCount: batch.strings.count,
                ids: Column.attributes, derives: effort != .journal, into: &encoder)
        }
        encoder.add(Column.droppedAttributes, batch.droppedAttributeCounts)
        if effort == .journal {
            encoder.addStringSection(Column.attributeStrings)
        } else {
            encoder.addTypedStringSection(
                Column.typedAttributes, lists: idLists(traces.distinct, batch.spanIDs))
        }
        encodeBodies(batch, into: &encoder)
        if effort == .journal {
            encoder.addStringSection(Column.bodyStrings)
        } else {
            encoder.addTypedStringSection(Column.typedBodies)
        }
        return encoder.container.finish()
    }

    /// Lists of ids that attributes often spell out once more: trace ids in order of appearance, and
    /// span ids, as bytes.
    static func idLists(_ traces: [TraceID], _ spans: [SpanID]) -> [[UInt8]] {
        [bytes(of: traces), bytes(of: spans)]
    }

    static func bytes(of traces: [TraceID]) -> [UInt8] {
        bytes(traces, each: 16) { trace, out in
            guard trace.isValid else { return false }
            out.storeBytes(of: trace.high.bigEndian, as: UInt64.self)
            out.storeBytes(of: trace.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            return true
        }
    }

    static func bytes(of spans: [SpanID]) -> [UInt8] {
        bytes(spans, each: 8) { span, out in
            guard span.isValid else { return false }
            out.storeBytes(of: span.value.bigEndian, as: UInt64.self)
            return true
        }
    }

    /// - Parameter put: writes the bytes of an id, unless it is none.
    @inline(__always)
    private static func bytes<ID>(
        _ ids: [ID], each size: Int, _ put: (ID, UnsafeMutableRawPointer) -> Bool
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: ids.count * size) { out, count in
            guard let start = out.baseAddress else { return }
            for id in ids where put(id, UnsafeMutableRawPointer(start) + count) { count += size }
        }
    }

    private static func encodeTimes(_ batch: LogBatch, into encoder: inout BatchEncoder) {
        encoder.add(Column.times, batch.times.map(\.nanoseconds))
        encoder.add(
            Column.observedDelays,
            zip(batch.observedTimes, batch.times).map { $0.nanoseconds &- $1.nanoseconds })
    }

    private static func encodeCore(_ batch: LogBatch, into encoder: inout BatchEncoder) {
        encoder.add(Column.severityNumbers, batch.severityNumbers)
        encoder.add(Column.severityTexts, strings: batch.severityTexts)
        encoder.add(Column.eventNames, strings: batch.eventNames)
        encoder.add(Column.flags, batch.flags)
        encoder.add(Column.resources, batch.resourceIndices)
        encoder.add(Column.scopes, batch.scopeIndices)
        SharedCodec.encode(batch.shared, id: Column.shared, into: &encoder)
    }

    private static func encodeBodies(_ batch: LogBatch, into encoder: inout BatchEncoder) {
        let types = batch.bodyTypes.map(\.rawValue)
        encoder.add(Column.bodyTypes, types)
        for type in AttributeType.allCases where type != .empty && types.contains(type.rawValue) {
            var payloads: [UInt64] = []
            for row in 0..<batch.count where types[row] == type.rawValue {
                payloads.append(batch.bodyPayloads[row])
            }
            payloads.withUnsafeBufferPointer { payloads in
                AttributeValues.encode(
                    payloads, type: type, id: Column.bodies.values(Int(type.rawValue)),
                    into: &encoder)
            }
        }
    }
}

extension LogBatchCodec {
    /// Reads back what `encode` wrote. Columns not asked for hold zeros and empty runs, and the batch is
    /// valid all the same.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, columns: LogColumns = .all
    ) throws(ColumnDecodeError) -> LogBatch {
        try decode(BatchDecoder(bytes, kind: .logs), columns: columns)
    }

    static func decode(
        _ decoder: consuming BatchDecoder, columns: LogColumns = .all
    ) throws(ColumnDecodeError) -> LogBatch {
        var decoder = decoder
        var batch = LogBatch()
        try readStrings(columns, &decoder)
        try decodeTimes(decoder, columns.contains(.times), into: &batch)
        try decodeCore(decoder, columns.contains(.core), into: &batch)
        try decodeAttributes(decoder, columns.contains(.attributes), into: &batch)
        try decodeBodies(decoder, columns.contains(.body), into: &batch)
        try decodeTraces(decoder, columns.contains(.trace), into: &batch)
        batch.strings = decoder.table
        return batch
    }

    package static func decode(
        _ bytes: [UInt8], columns: LogColumns = .all
    ) throws(ColumnDecodeError) -> LogBatch {
        try bytes.withUnsafeBufferPointer { (bytes) throws(ColumnDecodeError) in
            try decode(UnsafeRawBufferPointer(bytes), columns: columns)
        }
    }

    /// Reads the sections up to the last one that is needed: ids count through all.
    static func readStrings(
        _ columns: LogColumns, _ decoder: inout BatchDecoder
    ) throws(ColumnDecodeError) {
        let withoutStrings: LogColumns = [.times, .trace]
        guard !columns.isSubset(of: withoutStrings) else { return }
        if !(try decoder.readTypedStringSection(Column.typedCore)) {
            try decoder.readStringSection(Column.coreStrings)
        }
        guard !columns.isSubset(of: withoutStrings.union(.core)) else { return }
        if decoder.container.has(Column.typedAttributes.head) {
            let traces = try decoder.traceIDs(Column.traces).distinct
            let spans = try decoder.spanIDs(Column.spanIDs, "span ids", count: decoder.rows)
            _ = try decoder.readTypedStringSection(
                Column.typedAttributes, lists: idLists(traces, spans))
        } else {
            try decoder.readStringSection(Column.attributeStrings)
        }
        guard columns.contains(.body) else { return }
        if !(try decoder.readTypedStringSection(Column.typedBodies)) {
            try decoder.readStringSection(Column.bodyStrings)
        }
    }

    private static func decodeTimes(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout LogBatch
    ) throws(ColumnDecodeError) {
        let rows = decoder.rows
        guard isWanted else {
            batch.times = [Timestamp](repeating: .zero, count: rows)
            batch.observedTimes = batch.times
            return
        }
        let times = try decoder.longs(Column.times, "times", count: rows)
        let delays = try decoder.longs(Column.observedDelays, "observed times", count: rows)
        batch.times = times.map { Timestamp(nanoseconds: $0) }
        batch.observedTimes = zip(times, delays).map { Timestamp(nanoseconds: $0 &+ $1) }
    }

    private static func decodeCore(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout LogBatch
    ) throws(ColumnDecodeError) {
        let rows = decoder.rows
        let zeros = [UInt32](repeating: 0, count: rows)
        if isWanted {
            batch.shared = try SharedCodec.decode(id: Column.shared, from: decoder)
        }
        batch.shared.fillIfEmpty(rows: rows)
        guard isWanted else {
            batch.severityNumbers = [UInt8](repeating: 0, count: rows)
            batch.severityTexts = zeros
            batch.eventNames = zeros
            batch.flags = zeros
            batch.resourceIndices = zeros
            batch.scopeIndices = zeros
            return
        }
        batch.severityNumbers = try decoder.bytes(
            Column.severityNumbers, "severity numbers", count: rows)
        batch.severityTexts = try decoder.strings(
            Column.severityTexts, "severity texts", count: rows)
        batch.eventNames = try decoder.strings(Column.eventNames, "event names", count: rows)
        batch.flags = try decoder.words(Column.flags, "flags", count: rows)
        batch.resourceIndices = try decoder.indices(
            Column.resources, "resources", count: rows, below: batch.shared.resources.count)
        batch.scopeIndices = try decoder.indices(
            Column.scopes, "scopes", count: rows, below: batch.shared.scopes.count)
    }

    private static func decodeAttributes(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout LogBatch
    ) throws(ColumnDecodeError) {
        let rows = decoder.rows
        guard isWanted else {
            batch.attributeEnds = [UInt32](repeating: 0, count: rows)
            batch.droppedAttributeCounts = batch.attributeEnds
            return
        }
        (batch.attributes, batch.attributeEnds) = try AttributeSetDecoder.decode(
            from: decoder, ids: Column.attributes, items: rows)
        batch.droppedAttributeCounts = try decoder.words(
            Column.droppedAttributes, "dropped attributes", count: rows)
    }

    private static func decodeBodies(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout LogBatch
    ) throws(ColumnDecodeError) {
        let rows = decoder.rows
        batch.bodyPayloads = [UInt64](repeating: 0, count: rows)
        guard isWanted else {
            batch.bodyTypes = [AttributeType](repeating: .empty, count: rows)
            return
        }
        var counts = [Int](repeating: 0, count: AttributeType.allCases.count)
        for raw in try decoder.bytes(Column.bodyTypes, "body types", count: rows) {
            guard let type = AttributeType(rawValue: raw) else {
                throw .corrupt(column: "body types", offset: 0, reason: "unknown type \(raw)")
            }
            batch.bodyTypes.append(type)
            counts[Int(raw)] += 1
        }
        for type in AttributeType.allCases where type != .empty && counts[Int(type.rawValue)] > 0 {
            let id = Column.bodies.values(Int(type.rawValue))
            let payloads: [UInt64] = try decoder.filled(count: counts[Int(type.rawValue)]) {
                (out) throws(ColumnDecodeError) in
                try AttributeValues.decode(out, type: type, id: id, from: decoder)
            }
            var next = 0
            for row in 0..<rows where batch.bodyTypes[row] == type {
                batch.bodyPayloads[row] = payloads[next]
                next += 1
            }
        }
    }

    private static func decodeTraces(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout LogBatch
    ) throws(ColumnDecodeError) {
        let rows = decoder.rows
        guard isWanted else {
            batch.traceIDs = [TraceID](repeating: .invalid, count: rows)
            batch.spanIDs = [SpanID](repeating: .invalid, count: rows)
            return
        }
        let (distinct, ofRow) = try decoder.traceIDs(Column.traces)
        batch.traceIDs = ofRow.map { distinct[Int($0)] }
        batch.spanIDs = try decoder.spanIDs(Column.spanIDs, "span ids", count: rows)
    }
}
