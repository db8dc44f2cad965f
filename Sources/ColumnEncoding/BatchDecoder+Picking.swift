import Telemetry

/// Columns of which the values of a few rows are wanted.
extension BatchDecoder {
    /// The ranks that columns have at the rows that are wanted, by the column's id: others follow from them.
    struct PickedRanks {
        fileprivate var ofColumn: [UInt32: [UInt64]] = [:]

        init() {}
    }

    /// The values of a column of integers at `rows`, ascending; zeros if it is absent.
    func picked(
        _ id: UInt32, _ name: String, count: Int, at rows: [Int]
    ) throws(ColumnDecodeError) -> [UInt64] {
        try container.read(id, name) { (reader) throws(ColumnDecodeError) in
            try IntegerColumnPicker.pick(from: &reader, count: count, at: rows)
        } ?? [UInt64](repeating: 0, count: rows.count)
    }

    /// The payloads of a column of attribute values of one type at `places`, ascending.
    /// - Parameter ranks: of the columns read before at the same places of the same items.
    func picked(
        _ id: UInt32, type: AttributeType, count: Int, at places: [Int], _ ranks: inout PickedRanks
    ) throws(ColumnDecodeError) -> [UInt64] {
        switch type {
        case .empty: return [UInt64](repeating: 0, count: places.count)
        case .bool, .int: return try picked(id, "attribute values \(id)", count: count, at: places)
        case .double:
            return try container.read(id, "attribute values \(id)") {
                (reader) throws(ColumnDecodeError) in
                try FloatCodec.pick(from: &reader, count: count, at: places)
            } ?? [UInt64](repeating: 0, count: places.count)
        case .string, .bytes, .array, .map:
            return try pickedStrings(id, count: count, at: places, &ranks).map { UInt64($0) }
        }
    }

    /// The strings of a column at `places`, ascending; empty ones if it is absent.
    func pickedStrings(
        _ id: UInt32, count: Int, at places: [Int], _ ranks: inout PickedRanks
    ) throws(ColumnDecodeError) -> [StringID] {
        let limit = stringCount
        let found = try container.read(id, "strings \(id)") {
            (reader) throws(ColumnDecodeError) -> PickedColumn in
            let (base, size) = try Self.header(&reader, count: count, mayDerive: true)
            guard let base else {
                return .own(try Self.pick(from: &reader, size, limit, count: count, at: places))
            }
            let dictionary = try Self.dictionary(&reader, size: size, limit: limit)
            return .derived(
                from: base.id,
                RankedColumn(
                    dictionary: dictionary,
                    ranks: try IntegerCodec.decode(from: &reader, count: base.ranks), base: base.id)
            )
        }
        switch found {
        case nil: return [StringID](repeating: 0, count: places.count)
        case .own(let entries):
            ranks.ofColumn[id] = entries.ranks
            return entries.ids
        case .derived(let base, let column):
            var ids: [StringID] = []
            ids.reserveCapacity(places.count)
            for rank in try baseRanks(base, of: id, count: count, at: places, &ranks) {
                let own = Int(try column.rank(UInt32(clamping: rank), in: id))
                guard own < column.dictionary.count else {
                    throw .corrupt(
                        column: "strings \(id)", offset: 0, reason: "rank beyond the dictionary")
                }
                ids.append(column.dictionary[own])
            }
            return ids
        }
    }

    private typealias PickedEntries = (ranks: [UInt64], ids: [StringID])

    private enum PickedColumn {
        case own(PickedEntries)
        case derived(from: UInt32, RankedColumn)
    }

    /// Ranks of a column that another one follows from.
    private func baseRanks(
        _ base: UInt32, of id: UInt32, count: Int, at places: [Int], _ ranks: inout PickedRanks
    ) throws(ColumnDecodeError) -> [UInt64] {
        if let known = ranks.ofColumn[base], known.count == places.count { return known }
        let found = try container.read(base, "strings \(base)") {
            (reader) throws(ColumnDecodeError) -> [UInt64] in
            let (_, size) = try Self.header(&reader, count: count, mayDerive: false)
            try IntegerColumnPicker.skip(in: &reader, count: size)
            return try IntegerColumnPicker.pick(from: &reader, count: count, at: places)
        }
        guard let found else {
            throw .corrupt(column: "strings \(id)", offset: 0, reason: "column \(base) is missing")
        }
        ranks.ofColumn[base] = found
        return found
    }

    /// Reads a dictionary of `size` entries and ranks in it.
    private static func pick(
        from reader: inout ByteReader, _ size: Int, _ limit: Int, count: Int, at places: [Int]
    ) throws(ColumnDecodeError) -> PickedEntries {
        if size <= 4 * places.count {
            let dictionary = try Self.dictionary(&reader, size: size, limit: limit)
            let ranks = try IntegerColumnPicker.pick(from: &reader, count: count, at: places)
            guard ranks.allSatisfy({ $0 < UInt64(size) }) else {
                throw reader.corrupt("rank beyond the dictionary")
            }
            return (ranks, ranks.map { dictionary[Int($0)] })
        }
        var dictionary = reader
        try IntegerColumnPicker.skip(in: &reader, count: size)
        let ranks = try IntegerColumnPicker.pick(from: &reader, count: count, at: places)
        guard ranks.allSatisfy({ $0 < UInt64(size) }) else {
            throw reader.corrupt("rank beyond the dictionary")
        }
        let used = Set(ranks).sorted()
        let entries = try IntegerColumnPicker.pick(
            from: &dictionary, count: size, at: used.map { Int($0) })
        var ids: [UInt64: StringID] = [:]
        for (rank, entry) in zip(used, entries) {
            guard entry < UInt64(limit) else {
                throw reader.corrupt("string id beyond \(limit) strings")
            }
            ids[rank] = StringID(truncatingIfNeeded: entry)
        }
        return (ranks, ranks.map { ids[$0, default: 0] })
    }
}
