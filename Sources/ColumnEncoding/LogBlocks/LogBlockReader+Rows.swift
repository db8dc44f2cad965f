import Telemetry

extension LogBlockReader {
    /// The given rows, ascending, as a batch of their own.
    ///
    /// - Complexity: whole columns are unpacked (zstd), but values, strings and resources of other rows are
    ///   neither expanded nor copied, as far as columns can be read at single places.
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

    /// Integers of the rows; zeros if the column is absent.
    private func words(_ id: UInt32, _ name: String) throws(ColumnDecodeError) -> [UInt64] {
        try reader.decoder.picked(id, name, count: reader.rows, at: rows)
    }

    private func indices(
        _ id: UInt32, _ name: String, below limit: Int
    ) throws(ColumnDecodeError) -> [Int] {
        try words(id, name).map { (index) throws(ColumnDecodeError) in
            guard index < UInt64(limit) else {
                throw .corrupt(column: name, offset: 0, reason: "index beyond \(limit) entries")
            }
            return Int(index)
        }
    }

    private mutating func strings(_ id: UInt32) throws(ColumnDecodeError) -> [StringID] {
        var ranks = BatchDecoder.PickedRanks()
        let ids = try reader.decoder.pickedStrings(id, count: reader.rows, at: rows, &ranks)
        let strings = reader.strings
        return ids.map { mapping.map($0, of: strings) }
    }

    mutating func readTimes() throws(ColumnDecodeError) {
        let times = try reader.times()
        let delays = try words(Column.observedDelays, "observed times")
        batch.times = rows.map { Timestamp(nanoseconds: times[$0]) }
        batch.observedTimes = zip(batch.times, delays).map { time, delay in
            Timestamp(nanoseconds: time.nanoseconds &+ Int64(bitPattern: delay))
        }
    }

    mutating func readCore() throws(ColumnDecodeError) {
        try readStrings(.core)
        batch.severityNumbers = try words(Column.severityNumbers, "severity numbers").map {
            UInt8(truncatingIfNeeded: $0)
        }
        batch.severityTexts = try strings(Column.severityTexts)
        batch.eventNames = try strings(Column.eventNames)
        batch.flags = try words(Column.flags, "flags").map { UInt32(truncatingIfNeeded: $0) }
    }

    /// Resources and scopes that the rows refer to, numbered anew.
    mutating func readShared() throws(ColumnDecodeError) {
        let shared = try reader.shared()
        let strings = reader.strings
        let resources = try indices(
            Column.resources, "resources", below: shared.resources.count)
        let scopes = try indices(Column.scopes, "scopes", below: shared.scopes.count)
        var newResource = [UInt32?](repeating: nil, count: shared.resources.count)
        var newScope = [UInt32?](repeating: nil, count: shared.scopes.count)
        for (resource, scope) in zip(resources, scopes) {
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
        batch.droppedAttributeCounts = try words(
            Column.droppedAttributes, "dropped attributes"
        ).map { UInt32(truncatingIfNeeded: $0) }
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
            // Where the bodies of this type stand among those of all rows.
            var places: [Int] = []
            var bodyPlaces: [Int] = []
            var next = 0
            var cursor = 0
            for (place, row) in rows.enumerated() where types[row] == type {
                while next < row {
                    if types[next] == type { cursor += 1 }
                    next += 1
                }
                places.append(place)
                bodyPlaces.append(cursor)
            }
            var ranks = BatchDecoder.PickedRanks()
            let payloads = try reader.decoder.picked(
                Column.bodies.values(Int(type.rawValue)), type: type,
                count: types.count { $0 == type }, at: bodyPlaces, &ranks)
            for (place, payload) in zip(places, payloads) {
                batch.bodyPayloads[place] =
                    type.isInterned
                    ? UInt64(mapping.map(StringID(truncatingIfNeeded: payload), of: strings))
                    : payload
            }
        }
    }

    mutating func readTraces() throws(ColumnDecodeError) {
        (batch.traceIDs, batch.spanIDs) = try reader.ids(of: rows)
    }
}
