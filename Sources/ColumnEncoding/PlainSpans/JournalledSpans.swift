import Telemetry

/// Batches of spans on the way to an acknowledgement: columns as they are in memory, but for leading zeros.
///
/// A record of the journal is written once and hardly ever read, so that its size matters less than the
/// time it takes; the codec of blocks takes five times as long for half of the bytes. The journal has its own
/// checksums.
///
/// ```
/// record = magic u32 │ version u8 │ counts u64 × 11 │ first start i64 │ columns   see `PlainColumnWriter`
/// counts = spans, strings, bytes of strings, resources, scopes, their cells, cells of spans,
///          events, cells of events, links, cells of links
/// columns = ends of strings │ bytes of strings │ resources │ scopes │ cells │ spans │ cells
///         │ events │ cells │ links │ cells
/// resource = cells from │ to │ dropped │ schema URL          (a column each, as of all that follows)
/// scope = name │ version │ cells from │ to │ dropped │ schema URL
/// cell = key │ type │ payload
/// span = trace id, high and low │ span id │ parent │ start − first start │ duration │ name │ kind │ status
///      │ status message │ trace state │ flags │ resource │ scope │ ends of cells, events, links
///      │ dropped attributes, events, links
/// event = time − first start │ name │ end of cells │ dropped
/// link = trace id │ span id │ trace state │ flags │ end of cells │ dropped
/// ```
package enum JournalledSpans {
    static let magic: UInt32 = 0x5350_4C53  // "SLPS"
    static let version: UInt8 = 1

    /// Beyond, a record is packed as it was before: it must stay within the bounds of the journal, which
    /// are those of a request's body.
    private static let plainBytesMax = 16 << 20

    /// - Precondition: runs that end within their columns.
    package static func encode(_ batch: SpanBatch) -> [UInt8] {
        let room = room(batch)
        guard room <= plainBytesMax else { return SpanBatchCodec.encode(batch, effort: .journal) }
        return [UInt8](unsafeUninitializedCapacity: room) { out, count in
            var writer = PlainColumnWriter(UnsafeMutableRawBufferPointer(out))
            writeHead(batch, to: &writer)
            writeShared(batch, to: &writer)
            writeSpans(batch, to: &writer)
            write(batch.attributes, to: &writer)
            writeEvents(batch, to: &writer)
            writeLinks(batch, to: &writer)
            count = writer.count
        }
    }

    /// Reads a record back, also one that `SpanBatchCodec` wrote: a large one, or of an earlier version.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer
    ) throws(ColumnDecodeError) -> SpanBatch {
        var reader = ByteReader(bytes, column: "journalled spans")
        guard try reader.readUInt32() == magic else { return try SpanBatchCodec.decode(bytes) }
        let version = try reader.readByte()
        guard version == Self.version else { throw .unsupportedVersion(version) }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[reader.offset...])
        var decoder = JournalledSpansDecoder(rest)
        return try decoder.batch()
    }

    package static func decode(_ bytes: [UInt8]) throws(ColumnDecodeError) -> SpanBatch {
        try bytes.withUnsafeBufferPointer { (bytes) throws(ColumnDecodeError) in
            try decode(UnsafeRawBufferPointer(bytes))
        }
    }

    // MARK: Room

    /// The most that the batch can take.
    private static func room(_ batch: SpanBatch) -> Int {
        // Words of all columns of one item, and a byte a column for some sixty columns.
        let spans = batch.count * 98
        let events = batch.events.count * 20
        let links = batch.links.count * 40
        let shared = batch.shared.resources.count * 16 + batch.shared.scopes.count * 24
        let cells =
            batch.attributes.count + batch.events.attributes.count + batch.links.attributes.count
            + batch.shared.attributes.count
        return 512 + spans + events + links + shared + cells * 13 + batch.strings.byteCount
            + batch.strings.count * 4
    }

    // MARK: Parts

    private static func writeHead(_ batch: SpanBatch, to writer: inout PlainColumnWriter) {
        withUnsafeBytes(of: magic.littleEndian) { writer.append($0) }
        withUnsafeBytes(of: version) { writer.append($0) }
        for count in [
            batch.count, batch.strings.count, batch.strings.byteCount,
            batch.shared.resources.count, batch.shared.scopes.count, batch.shared.attributes.count,
            batch.attributes.count, batch.events.count, batch.events.attributes.count,
            batch.links.count, batch.links.attributes.count,
        ] {
            writer.append(UInt64(count))
        }
        writer.append(UInt64(bitPattern: firstStart(batch)))
        writer.add(batch.strings.ends)
        batch.strings.bytes.withUnsafeBytes { writer.append($0) }
    }

    private static func firstStart(_ batch: SpanBatch) -> Int64 {
        var first = batch.starts.first?.nanoseconds ?? 0
        for start in batch.starts { first = min(first, start.nanoseconds) }
        return first
    }

    private static func writeShared(_ batch: SpanBatch, to writer: inout PlainColumnWriter) {
        let resources = batch.shared.resources
        writer.add(resources.map { UInt32(truncatingIfNeeded: $0.attributes.lowerBound) })
        writer.add(resources.map { UInt32(truncatingIfNeeded: $0.attributes.upperBound) })
        writer.add(resources.map(\.droppedAttributeCount))
        writer.add(resources.map(\.schemaURL))
        let scopes = batch.shared.scopes
        writer.add(scopes.map(\.name))
        writer.add(scopes.map(\.version))
        writer.add(scopes.map { UInt32(truncatingIfNeeded: $0.attributes.lowerBound) })
        writer.add(scopes.map { UInt32(truncatingIfNeeded: $0.attributes.upperBound) })
        writer.add(scopes.map(\.droppedAttributeCount))
        writer.add(scopes.map(\.schemaURL))
        write(batch.shared.attributes, to: &writer)
    }

    private static func write(_ cells: AttributeColumns, to writer: inout PlainColumnWriter) {
        writer.add(cells.keys)
        cells.types.withUnsafeBytes { writer.add($0.assumingMemoryBound(to: UInt8.self)) }
        writer.add(cells.payloads)
    }

    private static func writeSpans(_ batch: SpanBatch, to writer: inout PlainColumnWriter) {
        write(batch.traceIDs, to: &writer)
        write(batch.spanIDs, to: &writer)
        write(batch.parentIDs, to: &writer)
        let first = firstStart(batch)
        write(batch.starts, since: first, to: &writer)
        batch.durations.withUnsafeBytes { writer.add($0.assumingMemoryBound(to: UInt64.self)) }
        writer.add(batch.names)
        batch.kinds.withUnsafeBytes { writer.add($0.assumingMemoryBound(to: UInt8.self)) }
        batch.statuses.withUnsafeBytes { writer.add($0.assumingMemoryBound(to: UInt8.self)) }
        writer.add(batch.statusMessages)
        writer.add(batch.traceStates)
        writer.add(batch.flags)
        writer.add(batch.resourceIndices)
        writer.add(batch.scopeIndices)
        writer.add(batch.attributeEnds)
        writer.add(batch.eventEnds)
        writer.add(batch.linkEnds)
        writer.add(batch.droppedAttributeCounts)
        writer.add(batch.droppedEventCounts)
        writer.add(batch.droppedLinkCounts)
    }

    private static func write(_ ids: [TraceID], to writer: inout PlainColumnWriter) {
        // A trace id is a struct of two words.
        ids.withUnsafeBytes { writer.add($0.assumingMemoryBound(to: UInt64.self)) }
    }

    private static func write(_ ids: [SpanID], to writer: inout PlainColumnWriter) {
        ids.withUnsafeBytes { writer.add($0.assumingMemoryBound(to: UInt64.self)) }
    }

    private static func write(
        _ times: [Timestamp], since first: Int64, to writer: inout PlainColumnWriter
    ) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: times.count) { offsets in
            for index in 0..<times.count {
                offsets[index] = UInt64(bitPattern: times[index].nanoseconds &- first)
            }
            writer.add(UnsafeBufferPointer(offsets))
        }
    }

    private static func writeEvents(_ batch: SpanBatch, to writer: inout PlainColumnWriter) {
        write(batch.events.times, since: firstStart(batch), to: &writer)
        writer.add(batch.events.names)
        writer.add(batch.events.attributeEnds)
        writer.add(batch.events.droppedAttributeCounts)
        write(batch.events.attributes, to: &writer)
    }

    private static func writeLinks(_ batch: SpanBatch, to writer: inout PlainColumnWriter) {
        write(batch.links.traceIDs, to: &writer)
        write(batch.links.spanIDs, to: &writer)
        writer.add(batch.links.traceStates)
        writer.add(batch.links.flags)
        writer.add(batch.links.attributeEnds)
        writer.add(batch.links.droppedAttributeCounts)
        write(batch.links.attributes, to: &writer)
    }
}
