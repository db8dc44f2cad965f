import Telemetry

/// Columns of strings that follow from another column of the same items: the service, the route and the
/// cluster of a request follow from the pod it came from, and then cost a table instead of a number a row.
///
/// ```
/// derived column = 0 varint │ id of the other column varint │ ranks of the other varint
///                │ dictionary size varint │ string ids │ rank by rank of the other column
/// ```
/// The leading zero, which no dictionary has as its size, tells it from other columns of strings.
struct DerivedColumns {
    /// A column as ranks in its dictionary.
    struct Ranked {
        var pair: Int
        var dictionary: [StringID]
        var codes: [UInt32]
        /// Equal for columns of the same items.
        var items: UInt64
    }

    struct Source {
        /// The pair of the other column.
        var pair: Int
        /// Rank by rank of the other column.
        var ranks: [UInt32]
    }

    /// A larger dictionary makes a table that is no smaller than what it saves.
    private static let dictionaryMax = 1_024
    /// Rows that a rank of the other column should stand for at least.
    private static let rowsPerRankMin = 4
    private static let basesMax = 8

    /// What each derived column follows from, by its place in `columns`.
    private(set) var sources: [Int: Source] = [:]

    init(_ columns: [Ranked]) {
        let candidates = columns.indices.filter { index in
            let size = columns[index].dictionary.count
            return size > 1 && size <= Self.dictionaryMax
                && columns[index].codes.count >= size * Self.rowsPerRankMin
        }.sorted { columns[$0].dictionary.count > columns[$1].dictionary.count }
        var bases: [Int] = []
        for index in candidates {
            let column = columns[index]
            var isDerived = false
            for base in bases where columns[base].items == column.items {
                guard let ranks = Self.table(from: columns[base], to: column) else { continue }
                sources[index] = Source(pair: columns[base].pair, ranks: ranks)
                isDerived = true
                break
            }
            if !isDerived, bases.count < Self.basesMax { bases.append(index) }
        }
    }

    /// The rank in `column` for each rank in `base`; `nil` if one has several.
    private static func table(from base: Ranked, to column: Ranked) -> [UInt32]? {
        let unset = UInt32.max
        var table = [UInt32](repeating: unset, count: base.dictionary.count)
        let isFunction = table.withUnsafeMutableBufferPointer { table in
            base.codes.withUnsafeBufferPointer { from in
                column.codes.withUnsafeBufferPointer { to in
                    for row in 0..<to.count {
                        let known = table[Int(from[row])]
                        if known == to[row] { continue }
                        guard known == unset else { return false }
                        table[Int(from[row])] = to[row]
                    }
                    return true
                }
            }
        }
        return isFunction ? table : nil
    }
}

extension BatchEncoder {
    mutating func add(_ id: UInt32, _ column: DerivedColumns.Ranked) {
        container.add(id) { writer, layout in
            writer.appendVarint(column.dictionary.count)
            IntegerCodec.encode(column.dictionary, into: &writer, layout: layout)
            IntegerCodec.encode(column.codes, into: &writer, layout: layout)
        }
    }

    mutating func add(
        _ id: UInt32, _ column: DerivedColumns.Ranked, from base: UInt32, ranks: [UInt32]
    ) {
        container.add(id) { writer, layout in
            writer.appendVarint(0)
            writer.appendVarint(UInt64(base))
            writer.appendVarint(ranks.count)
            writer.appendVarint(column.dictionary.count)
            IntegerCodec.encode(column.dictionary, into: &writer, layout: layout)
            IntegerCodec.encode(ranks, into: &writer, layout: layout)
        }
    }

    /// The dictionary and ranks of a column of strings.
    mutating func ranked(
        _ payloads: UnsafeBufferPointer<UInt64>, pair: Int, items: UInt64
    ) -> DerivedColumns.Ranked {
        var dictionary: [StringID] = []
        let codes = [UInt32](unsafeUninitializedCapacity: payloads.count) { out, count in
            guard let start = out.baseAddress else { return }
            dictionary = strings.rank(payloads, into: start)
            count = payloads.count
        }
        return DerivedColumns.Ranked(
            pair: pair, dictionary: dictionary, codes: codes, items: items)
    }
}

extension BatchDecoder {
    /// A column of strings as it is stored.
    struct RankedColumn {
        var dictionary: [StringID]
        /// Of each item or, of a derived column, by rank of the other one (`.max`: none of its items has
        /// that rank).
        var ranks: [UInt32]
        /// The id of the other column.
        var base: UInt32?
    }

    /// A column of strings as a dictionary and ranks in it; `nil` if it is absent.
    func ranked(
        _ id: UInt32, count: Int
    ) throws(ColumnDecodeError) -> (dictionary: [StringID], ranks: [UInt32])? {
        guard let found = try rankedColumn(id, count: count) else { return nil }
        guard let base = found.base else { return (found.dictionary, found.ranks) }
        var ranks = try baseRanks(base, count: count, of: id)
        for row in ranks.indices { ranks[row] = try found.rank(ranks[row], in: id) }
        return (found.dictionary, ranks)
    }

    /// The ranks of a column that others follow from.
    func baseRanks(
        _ base: UInt32, count: Int, of id: UInt32
    ) throws(ColumnDecodeError) -> [UInt32] {
        guard let other = try rankedColumn(base, count: count, mayDerive: false) else {
            throw .corrupt(column: "strings \(id)", offset: 0, reason: "column \(base) is missing")
        }
        return other.ranks
    }

    /// - Parameter mayDerive: whether it may follow from another column.
    func rankedColumn(
        _ id: UInt32, count: Int, mayDerive: Bool = true
    ) throws(ColumnDecodeError) -> RankedColumn? {
        let limit = stringCount
        return try container.read(id, "strings \(id)") {
            (reader) throws(ColumnDecodeError) -> RankedColumn in
            let (base, size) = try Self.header(&reader, count: count, mayDerive: mayDerive)
            let dictionary = try Self.dictionary(&reader, size: size, limit: limit)
            let ranks: [UInt32] = try IntegerCodec.decode(
                from: &reader, count: base?.ranks ?? count)
            guard Self.areRanks(ranks, below: size, orNone: base != nil) else {
                throw reader.corrupt("rank beyond the dictionary")
            }
            return RankedColumn(dictionary: dictionary, ranks: ranks, base: base?.id)
        }
    }

    /// Whether the dictionary of a column of strings has an entry that is wanted.
    func hasEntry(
        _ id: UInt32, count: Int, where isWanted: (StringID) -> Bool
    ) throws(ColumnDecodeError) -> Bool {
        let limit = stringCount
        let found = try container.read(id, "strings \(id)") {
            (reader) throws(ColumnDecodeError) -> Bool in
            let (_, size) = try Self.header(&reader, count: count, mayDerive: true)
            let dictionary = try Self.dictionary(&reader, size: size, limit: limit)
            _ = try reader.read(reader.remaining)
            return dictionary.contains(where: isWanted)
        }
        return found ?? false
    }

    @inline(__always)
    private static func areRanks(_ ranks: [UInt32], below size: Int, orNone: Bool) -> Bool {
        let limit = UInt32(clamping: size)
        // Without a way out, so that many are compared at once.
        var bad: UInt32 = 0
        if orNone {
            for rank in ranks { bad |= rank >= limit && rank != .max ? 1 : 0 }
        } else {
            for rank in ranks { bad |= rank >= limit ? 1 : 0 }
        }
        return bad == 0
    }

    /// Where the ranks come from, and the size of the dictionary.
    static func header(
        _ reader: inout ByteReader, count: Int, mayDerive: Bool
    ) throws(ColumnDecodeError) -> (base: (id: UInt32, ranks: Int)?, size: Int) {
        let size = try reader.readCount(atMost: count)
        guard size == 0, count > 0 else { return (nil, size) }
        guard mayDerive, let id = UInt32(exactly: try reader.readVarint()) else {
            throw reader.corrupt("a column derived from a derived one")
        }
        let ranks = try reader.readCount(atMost: count)
        return ((id, ranks), try reader.readCount(atMost: count))
    }
}

extension BatchDecoder.RankedColumn {
    /// The rank in this column, which is derived, of an item that has `rank` in the other one.
    @inline(__always)
    func rank(_ rank: UInt32, in id: UInt32) throws(ColumnDecodeError) -> UInt32 {
        guard Int(rank) < ranks.count, ranks[Int(rank)] != .max else {
            throw .corrupt(
                column: "strings \(id)", offset: 0, reason: "rank beyond the table")
        }
        return ranks[Int(rank)]
    }
}
