import Telemetry

extension SpanBatchCodec {
    /// Reads back what `encode` wrote. Columns not asked for hold zeros and empty runs, and the batch is
    /// valid all the same.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, columns: SpanColumns = .all
    ) throws(ColumnDecodeError) -> SpanBatch {
        var decoder = try BatchDecoder(bytes, kind: .spans)
        var batch = SpanBatch()
        // Sections build on each other: ids count on from one to the next.
        if !columns.isSubset(of: .identity) {
            try decoder.readStringSection(Column.coreStrings)
        }
        if !columns.isSubset(of: [.identity, .core]) {
            try decoder.readStringSection(Column.attributeStrings)
        }
        if !columns.isSubset(of: [.identity, .core, .attributes]) {
            try decoder.readStringSection(Column.restStrings)
        }
        try decodeIdentity(decoder, columns, into: &batch)
        try decodeCore(decoder, columns.contains(.core), into: &batch)
        try decodeAttributes(decoder, columns.contains(.attributes), into: &batch)
        try decodeEvents(decoder, columns, into: &batch)
        try decodeLinks(decoder, columns.contains(.links), into: &batch)
        try decodeRest(decoder, columns.contains(.rest), into: &batch)
        batch.strings = decoder.table
        return batch
    }

    package static func decode(
        _ bytes: [UInt8], columns: SpanColumns = .all
    ) throws(ColumnDecodeError) -> SpanBatch {
        try bytes.withUnsafeBufferPointer { (bytes) throws(ColumnDecodeError) in
            try decode(UnsafeRawBufferPointer(bytes), columns: columns)
        }
    }

    private static func decodeIdentity(
        _ decoder: BatchDecoder, _ columns: SpanColumns, into batch: inout SpanBatch
    ) throws(ColumnDecodeError) {
        let rows = decoder.rows
        // Event times count from their span's start.
        guard columns.contains(.identity) || columns.contains(.events) else {
            batch.traceIDs = [TraceID](repeating: .invalid, count: rows)
            batch.spanIDs = [SpanID](repeating: .invalid, count: rows)
            batch.parentIDs = batch.spanIDs
            batch.starts = [Timestamp](repeating: .zero, count: rows)
            batch.durations = [Int64](repeating: 0, count: rows)
            return
        }
        let (distinct, ofRow) = try decoder.traceIDs(Column.traces)
        batch.traceIDs = ofRow.map { distinct[Int($0)] }
        batch.spanIDs = try decoder.spanIDs(Column.spanIDs, "span ids", count: rows)
        let codes = try decoder.longs(Column.parents, "parents", count: rows)
        let externals = try decoder.unsignedLongs(
            Column.externalParents, "external parents",
            count: codes.count { $0 == ParentLinks.external })
        batch.parentIDs = try ParentLinks.decode(
            codes: codes, externals: externals, spans: batch.spanIDs)
        let firsts = try decoder.longs(
            Column.traceStarts, "trace starts", count: distinct.count)
        let steps = try decoder.longs(
            Column.startSteps, "start steps", count: rows - distinct.count)
        batch.starts = try TraceTimes.decode(firsts: firsts, steps: steps, traceOfRow: ofRow)
        batch.durations = try decoder.longs(Column.durations, "durations", count: rows)
    }

    private static func decodeCore(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout SpanBatch
    ) throws(ColumnDecodeError) {
        let rows = decoder.rows
        let zeros = [UInt32](repeating: 0, count: rows)
        if isWanted {
            batch.shared = try SharedCodec.decode(id: Column.shared, from: decoder)
        }
        batch.shared.fillIfEmpty(rows: rows)
        guard isWanted else {
            batch.names = zeros
            batch.kinds = [SpanKind](repeating: .unspecified, count: rows)
            batch.statuses = [SpanStatus](repeating: .unset, count: rows)
            batch.statusMessages = zeros
            batch.resourceIndices = zeros
            batch.scopeIndices = zeros
            return
        }
        batch.names = try decoder.strings(Column.names, "names", count: rows)
        for raw in try decoder.bytes(Column.kinds, "kinds", count: rows) {
            guard let kind = SpanKind(rawValue: raw) else { throw unknown("kinds", raw) }
            batch.kinds.append(kind)
        }
        for raw in try decoder.bytes(Column.statuses, "statuses", count: rows) {
            guard let status = SpanStatus(rawValue: raw) else { throw unknown("statuses", raw) }
            batch.statuses.append(status)
        }
        batch.statusMessages = try decoder.strings(
            Column.statusMessages, "status messages", count: rows)
        batch.resourceIndices = try decoder.indices(
            Column.resources, "resources", count: rows, below: batch.shared.resources.count)
        batch.scopeIndices = try decoder.indices(
            Column.scopes, "scopes", count: rows, below: batch.shared.scopes.count)
    }

    private static func unknown(_ column: String, _ raw: UInt8) -> ColumnDecodeError {
        .corrupt(column: column, offset: 0, reason: "unknown value \(raw)")
    }

    private static func decodeAttributes(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout SpanBatch
    ) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.attributeEnds = [UInt32](repeating: 0, count: decoder.rows)
            return
        }
        (batch.attributes, batch.attributeEnds) = try AttributeSetDecoder.decode(
            from: decoder, ids: Column.attributes, items: decoder.rows)
    }

    private static func decodeEvents(
        _ decoder: BatchDecoder, _ columns: SpanColumns, into batch: inout SpanBatch
    ) throws(ColumnDecodeError) {
        guard columns.contains(.events) else {
            batch.eventEnds = [UInt32](repeating: 0, count: decoder.rows)
            return
        }
        batch.eventEnds = try decoder.ends(
            Column.eventCounts, "event counts", count: decoder.rows,
            totalMax: ColumnLimits.cellsMax)
        let count = batch.eventEnds.last.map { Int($0) } ?? 0
        let offsets = try decoder.longs(Column.eventTimes, "event times", count: count)
        batch.events.times.reserveCapacity(count)
        for row in 0..<decoder.rows {
            let start = batch.starts[row].nanoseconds
            for event in batch.eventRange(row) {
                batch.events.times.append(Timestamp(nanoseconds: start &+ offsets[event]))
            }
        }
        batch.events.names = try decoder.strings(Column.eventNames, "event names", count: count)
        batch.events.droppedAttributeCounts = try decoder.words(
            Column.eventDropped, "event dropped counts", count: count)
        (batch.events.attributes, batch.events.attributeEnds) = try AttributeSetDecoder.decode(
            from: decoder, ids: Column.eventAttributes, items: count)
        if !columns.contains(.identity) {
            try decodeIdentity(decoder, [], into: &batch)
        }
    }

    private static func decodeLinks(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout SpanBatch
    ) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.linkEnds = [UInt32](repeating: 0, count: decoder.rows)
            return
        }
        batch.linkEnds = try decoder.ends(
            Column.linkCounts, "link counts", count: decoder.rows, totalMax: ColumnLimits.cellsMax)
        let count = batch.linkEnds.last.map { Int($0) } ?? 0
        let highs = try decoder.unsignedLongs(
            Column.linkTraceHighs, "link trace ids, high", count: count)
        let lows = try decoder.unsignedLongs(
            Column.linkTraceLows, "link trace ids, low", count: count)
        batch.links.traceIDs = zip(highs, lows).map { TraceID(high: $0, low: $1) }
        batch.links.spanIDs = try decoder.spanIDs(
            Column.linkSpanIDs, "link span ids", count: count)
        batch.links.traceStates = try decoder.strings(
            Column.linkTraceStates, "link trace states", count: count)
        batch.links.flags = try decoder.words(Column.linkFlags, "link flags", count: count)
        batch.links.droppedAttributeCounts = try decoder.words(
            Column.linkDropped, "link dropped counts", count: count)
        (batch.links.attributes, batch.links.attributeEnds) = try AttributeSetDecoder.decode(
            from: decoder, ids: Column.linkAttributes, items: count)
    }

    private static func decodeRest(
        _ decoder: BatchDecoder, _ isWanted: Bool, into batch: inout SpanBatch
    ) throws(ColumnDecodeError) {
        let rows = decoder.rows
        guard isWanted else {
            let zeros = [UInt32](repeating: 0, count: rows)
            batch.traceStates = zeros
            batch.flags = zeros
            batch.droppedAttributeCounts = zeros
            batch.droppedEventCounts = zeros
            batch.droppedLinkCounts = zeros
            return
        }
        batch.traceStates = try decoder.strings(Column.traceStates, "trace states", count: rows)
        batch.flags = try decoder.words(Column.flags, "flags", count: rows)
        batch.droppedAttributeCounts = try decoder.words(
            Column.droppedAttributes, "dropped attributes", count: rows)
        batch.droppedEventCounts = try decoder.words(
            Column.droppedEvents, "dropped events", count: rows)
        batch.droppedLinkCounts = try decoder.words(
            Column.droppedLinks, "dropped links", count: rows)
    }
}

extension SharedColumns {
    /// Rows refer to a resource and a scope even where none were read.
    mutating func fillIfEmpty(rows: Int) {
        guard rows > 0 else { return }
        if resources.isEmpty { resources.append(ResourceEntry(attributes: 0..<0)) }
        if scopes.isEmpty { scopes.append(ScopeEntry(name: 0, version: 0)) }
    }
}
