import Telemetry

extension LogBlockReader {
    /// The rows, ascending, whose line may hold a piece of text; `nil` for all. Of others it is certain
    /// that it does not.
    package func rows(holding piece: LinePiece) throws(ColumnDecodeError) -> [Int32]? {
        try readStrings(try hasBodies() ? .bodies : .attributes)
        guard let ids = strings.ids(holding: piece) else { return nil }
        try checkStrings()
        var isHit = [Bool](repeating: false, count: strings.count)
        for id in ids { isHit[Int(id)] = true }
        var rows = try rowsOfAttributes(ids.isEmpty ? nil : isHit, piece)
        if let known = rows, try hasBodies() {
            rows = RowSelection.union(known, try rowsOfBodies(ids.isEmpty ? nil : isHit, piece))
        }
        return rows
    }

    /// - Parameter isHit: by string; `nil` if none is.
    private func rowsOfAttributes(
        _ isHit: [Bool]?, _ piece: LinePiece
    ) throws(ColumnDecodeError) -> [Int32]? {
        guard case .shapes(let shapes, let counts) = try attributes().content else {
            if case .none = try attributes().content { return [] }
            return nil
        }
        var flags: [[Bool]?] = []
        for pair in counts.indices {
            flags.append(try hits(pair, shapes, counts[pair], isHit, piece))
        }
        guard flags.contains(where: { $0 != nil }) else { return [] }
        var pairsOfShape: [[Int]] = []
        var start = 0
        for end in shapes.ends {
            pairsOfShape.append(
                shapes.pairs[start..<end].map { Int($0) }.filter { flags[$0] != nil })
            start = end
        }
        var cursors = [Int](repeating: 0, count: counts.count)
        return RowSelection.filter(nil, count: shapes.ofItem.count) { row in
            var isCandidate = false
            for pair in pairsOfShape[Int(shapes.ofItem[row])] {
                isCandidate = isCandidate || flags[pair]?[cursors[pair]] ?? false
                cursors[pair] &+= 1
            }
            return isCandidate
        }
    }

    /// Which values of a column may hold the piece; `nil` if none does.
    private func hits(
        _ pair: Int, _ shapes: AttributeSetDecoder.Shapes, _ count: Int, _ isHit: [Bool]?,
        _ piece: LinePiece
    ) throws(ColumnDecodeError) -> [Bool]? {
        if let isHit, isHit[Int(shapes.pairKeys[pair])] {
            return [Bool](repeating: true, count: count)
        }
        let type = shapes.pairTypes[pair]
        guard type.isInterned else { return nil }
        if type != .string, piece.mayBeBytes { return [Bool](repeating: true, count: count) }
        guard let isHit else { return nil }
        let id = try attributes().ids.values(pair)
        // Few columns have a hit, and ranks are most of what there is to read.
        guard try decoder.hasEntry(id, count: count, where: { isHit[Int($0)] }),
            let (dictionary, ranks) = try decoder.ranked(id, count: count)
        else { return nil }
        let hits = dictionary.map { isHit[Int($0)] }
        return ranks.map { hits[Int($0)] }
    }

    private func rowsOfBodies(
        _ isHit: [Bool]?, _ piece: LinePiece
    ) throws(ColumnDecodeError) -> [Int32] {
        let types = try bodyTypes()
        var found: [Int32] = []
        for type in AttributeType.allCases where type.isInterned && types.contains(type) {
            let count = types.count { $0 == type }
            let id = Column.bodies.values(Int(type.rawValue))
            let isOpaque = type != .string && piece.mayBeBytes
            let column = try decoder.ranked(id, count: count)
            var cursor = 0
            let rows = RowSelection.filter(nil, count: types.count) { row in
                guard types[row] == type else { return false }
                defer { cursor += 1 }
                guard !isOpaque else { return true }
                guard let isHit, let column else { return false }
                return isHit[Int(column.dictionary[Int(column.ranks[cursor])])]
            }
            found = RowSelection.union(found, rows)
        }
        return found
    }
}
