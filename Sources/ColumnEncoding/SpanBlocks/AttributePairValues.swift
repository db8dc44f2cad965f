import Telemetry

/// The values of (key, type) pairs for who looks at a few of them: strings stay ranks in their dictionary,
/// and what follows from another column is followed only where somebody looks.
struct AttributePairReader {
    let decoder: BatchDecoder
    /// Ranks of columns by id, which others may follow from.
    private var ranksOfColumn: [UInt32: [UInt32]] = [:]

    init(_ decoder: BatchDecoder) { self.decoder = decoder }

    /// The values of the column `id`.
    mutating func values(
        _ id: UInt32, type: AttributeType, count: Int
    ) throws(ColumnDecodeError) -> AttributePairValues {
        guard type.isInterned else {
            let decoder = decoder
            let words = try decoder.filled(count: count) { (out) throws(ColumnDecodeError) in
                try AttributeValues.decode(out, type: type, id: id, from: decoder)
            }
            return AttributePairValues(id: id, content: .words(words))
        }
        guard let column = try decoder.rankedColumn(id, count: count) else {
            return AttributePairValues(id: id, content: .absent)
        }
        guard let base = column.base else {
            ranksOfColumn[id] = column.ranks
            return AttributePairValues(id: id, content: .ranked(column))
        }
        if let known = ranksOfColumn[base], known.count == count {
            return AttributePairValues(id: id, content: .derived(column, from: known))
        }
        let ranks = try decoder.baseRanks(base, count: count, of: id)
        ranksOfColumn[base] = ranks
        return AttributePairValues(id: id, content: .derived(column, from: ranks))
    }
}

/// The values of one pair, as payloads of `AttributeColumns`.
struct AttributePairValues {
    enum Content {
        case words([UInt64])
        case ranked(BatchDecoder.RankedColumn)
        /// With the ranks of the other column.
        case derived(BatchDecoder.RankedColumn, from: [UInt32])
        /// Empty strings.
        case absent
    }

    let id: UInt32
    let content: Content

    /// - Parameter index: below the count that the values were read with.
    func payload(at index: Int) throws(ColumnDecodeError) -> UInt64 {
        switch content {
        case .words(let words): return words[index]
        case .ranked(let column): return UInt64(column.dictionary[Int(column.ranks[index])])
        case .derived(let column, let ranks):
            return UInt64(column.dictionary[Int(try column.rank(ranks[index], in: id))])
        case .absent: return 0
        }
    }
}
