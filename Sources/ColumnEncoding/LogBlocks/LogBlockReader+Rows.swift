import Telemetry

extension LogBlockReader {
    /// The given rows, ascending, as a batch of their own.
    ///
    /// - Complexity: whole columns are expanded, but cells, strings and resources of other rows are
    ///   neither built nor copied.
    package func batch(rows: [Int]) throws(ColumnDecodeError) -> LogBatch {
        var extraction = LogExtraction(self, rows)
        try extraction.readTimes()
        try extraction.readCore()
        try extraction.readShared()
        try extraction.readAttributes()
        try extraction.readBodies()
        try extraction.readTraces()
        try checkStrings()
        return extraction.finish()
    }
}

/// Copies some rows out of a block.
private struct LogExtraction {
    private typealias Column = LogBatchCodec.Column

    private let reader: LogBlockReader
    private let rows: [Int]
    private var batch = LogBatch()
    private var mapping = LazyStringMapping(count: 1)

    init(_ reader: LogBlockReader, _ rows: [Int]) {
        self.reader = reader
        self.rows = rows
    }

    consuming func finish() -> LogBatch {
        batch.strings = mapping.table
        return batch
    }

    private func pick<T>(_ column: [T]) -> [T] { rows.map { column[$0] } }

    private mutating func readStrings(
        _ level: LogBlockReader.StringLevel
    ) throws(ColumnDecodeError) {
        try reader.readStrings(level)
        mapping.extend(to: reader.strings.count)
    }

    private mutating func strings(
        _ id: UInt32, _ name: String
    ) throws(ColumnDecodeError) -> [StringID] {
        let ids = try reader.stringIDs(id, name)
        let strings = reader.strings
        return rows.map { mapping.map(ids[$0], of: strings) }
    }

    mutating func readTimes() throws(ColumnDecodeError) {
        let times = try reader.times()
        let delays = try reader.decoder.longs(
            Column.observedDelays, "observed times", count: reader.rows)
        batch.times = rows.map { Timestamp(nanoseconds: times[$0]) }
        batch.observedTimes = rows.map { Timestamp(nanoseconds: times[$0] &+ delays[$0]) }
    }

    mutating func readCore() throws(ColumnDecodeError) {
        try readStrings(.core)
        let (decoder, count) = (reader.decoder, reader.rows)
        batch.severityNumbers = pick(
            try decoder.bytes(Column.severityNumbers, "severity numbers", count: count))
        batch.severityTexts = try strings(Column.severityTexts, "severity texts")
        batch.eventNames = try strings(Column.eventNames, "event names")
        batch.flags = pick(try decoder.words(Column.flags, "flags", count: count))
    }

    /// Resources and scopes that the rows refer to, numbered anew.
    mutating func readShared() throws(ColumnDecodeError) {
        let shared = try reader.shared()
        let strings = reader.strings
        let resources = try reader.resourceIndices()
        let scopes = try reader.decoder.indices(
            Column.scopes, "scopes", count: reader.rows, below: shared.scopes.count)
        var newResource = [UInt32?](repeating: nil, count: shared.resources.count)
        var newScope = [UInt32?](repeating: nil, count: shared.scopes.count)
        for row in rows {
            let (resource, scope) = (Int(resources[row]), Int(scopes[row]))
            if newResource[resource] == nil {
                newResource[resource] = UInt32(truncatingIfNeeded: batch.shared.resources.count)
                batch.shared.resources.append(
                    mapping.copy(shared.resources[resource], of: shared, strings, to: &batch.shared)
                )
            }
            if newScope[scope] == nil {
                newScope[scope] = UInt32(truncatingIfNeeded: batch.shared.scopes.count)
                batch.shared.scopes.append(
                    mapping.copy(shared.scopes[scope], of: shared, strings, to: &batch.shared))
            }
            batch.resourceIndices.append(newResource[resource] ?? 0)
            batch.scopeIndices.append(newScope[scope] ?? 0)
        }
    }

    mutating func readAttributes() throws(ColumnDecodeError) {
        let set = try reader.attributes()
        mapping.extend(to: reader.strings.count)
        batch.attributeEnds.reserveCapacity(rows.count)
        try set.append(
            items: rows, reader.strings, &mapping, to: &batch.attributes,
            ends: &batch.attributeEnds)
        batch.droppedAttributeCounts = pick(
            try reader.decoder.words(
                Column.droppedAttributes, "dropped attributes", count: reader.rows))
    }

    mutating func readBodies() throws(ColumnDecodeError) {
        batch.bodyPayloads = [UInt64](repeating: 0, count: rows.count)
        guard try reader.hasBodies() else {
            batch.bodyTypes = [AttributeType](repeating: .empty, count: rows.count)
            return
        }
        let types = try reader.bodyTypes()
        batch.bodyTypes = pick(types)
        guard batch.bodyTypes.contains(where: { $0 != .empty }) else { return }
        try readStrings(.bodies)
        let strings = reader.strings
        for type in AttributeType.allCases where type != .empty && batch.bodyTypes.contains(type) {
            let decoder = reader.decoder
            let payloads = try decoder.filled(count: types.count { $0 == type }) {
                (out) throws(ColumnDecodeError) in
                try AttributeValues.decode(
                    out, type: type, id: Column.bodies.values(Int(type.rawValue)), from: decoder)
            }
            var next = 0
            var cursor = 0
            for (place, row) in rows.enumerated() where types[row] == type {
                while next < row {
                    if types[next] == type { cursor += 1 }
                    next += 1
                }
                let payload = payloads[cursor]
                batch.bodyPayloads[place] =
                    type.isInterned
                    ? UInt64(mapping.map(StringID(truncatingIfNeeded: payload), of: strings))
                    : payload
            }
        }
    }

    mutating func readTraces() throws(ColumnDecodeError) {
        let (distinct, ofRow) = try reader.traces()
        batch.traceIDs = rows.map { distinct[Int(ofRow[$0])] }
        batch.spanIDs = pick(try reader.spanIDs())
    }
}
