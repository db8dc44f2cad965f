/// A row of one of several batches.
package struct SourceRow: Hashable, Sendable {
    private let packedSource: UInt32
    private let packedRow: UInt32

    package init(source: Int, row: Int) {
        packedSource = UInt32(truncatingIfNeeded: source)
        packedRow = UInt32(truncatingIfNeeded: row)
    }

    package var source: Int { Int(packedSource) }
    package var row: Int { Int(packedRow) }
}

/// Where the rows of a new batch come from, source by source: a column is gathered by going through each
/// source's column once, in runs of neighbouring rows, so that a row costs a copy and nothing else.
struct GatherPlan {
    struct Run {
        /// The first row in the source.
        var row: Int
        /// The first row in the new batch.
        var target: Int
        var count: Int
    }

    struct Part {
        var source: Int
        var runs: [Run]
    }

    let rows: Int
    /// Sources in ascending order; each at most once.
    let parts: [Part]

    /// - Parameter rows: in the order of the new batch.
    init(_ rows: ArraySlice<SourceRow>, sources: Int) {
        self.rows = rows.count
        var runs = [[Run]](repeating: [], count: sources)
        var used: [Int] = []
        rows.withUnsafeBufferPointer { rows in
            var target = 0
            while target < rows.count {
                let source = rows[target].source
                let row = rows[target].row
                var count = 1
                while target &+ count < rows.count, rows[target &+ count].source == source,
                    rows[target &+ count].row == row &+ count
                {
                    count &+= 1
                }
                if runs[source].isEmpty { used.append(source) }
                runs[source].append(Run(row: row, target: target, count: count))
                target &+= count
            }
        }
        used.sort()
        parts = used.map { Part(source: $0, runs: runs[$0]) }
    }

    /// The new batch's column of what `column` gives for each source.
    @inline(__always)
    func column<Element>(_ column: (Int) -> [Element]) -> [Element] {
        [Element](unsafeUninitializedCapacity: rows) { out, count in
            for part in parts {
                column(part.source).withUnsafeBufferPointer { from in
                    guard let from = from.baseAddress, let out = out.baseAddress else { return }
                    for run in part.runs {
                        // Rows sorted by trace mostly come one by one: that is no call.
                        if run.count == 1 {
                            (out + run.target).initialize(to: from[run.row])
                        } else {
                            (out + run.target).initialize(from: from + run.row, count: run.count)
                        }
                    }
                }
            }
            count = rows
        }
    }

    /// The same of a column that is mostly zero everywhere, which is told faster than gathered.
    @inline(__always)
    func sparseColumn(_ column: (Int) -> [UInt32]) -> [UInt32] {
        isZero(column) ? [UInt32](repeating: 0, count: rows) : self.column(column)
    }

    /// Whether the sources have nothing but zeros in a column. Not looked for where it would take longer
    /// than gathering: in sources that are much larger than the new batch.
    @inline(__always)
    func isZero(_ column: (Int) -> [UInt32]) -> Bool {
        for part in parts {
            let isZero = column(part.source).withUnsafeBufferPointer { values in
                guard values.count <= 2 &* rows else { return false }
                var union: UInt32 = 0
                for value in values { union |= value }
                return union == 0
            }
            if !isZero { return false }
        }
        return true
    }

    /// The ends of the new batch's runs of cells (attributes, events, links), from those of the sources.
    func ends(_ ends: (Int) -> [UInt32]) -> [UInt32] {
        var result = [UInt32](unsafeUninitializedCapacity: rows) { out, count in
            for part in parts {
                ends(part.source).withUnsafeBufferPointer { from in
                    for run in part.runs {
                        var previous = run.row == 0 ? 0 : from[run.row &- 1]
                        for offset in 0..<run.count {
                            let end = from[run.row &+ offset]
                            out[run.target &+ offset] = end &- previous
                            previous = end
                        }
                    }
                }
            }
            count = rows
        }
        var total: UInt32 = 0
        for row in result.indices {
            total &+= result[row]
            result[row] = total
        }
        return result
    }

    /// The plan of the cells that the rows of this plan own: neighbouring rows own neighbouring cells.
    func cells(_ sourceEnds: (Int) -> [UInt32], targetEnds: [UInt32]) -> GatherPlan {
        let parts = parts.map { part in
            let ends = sourceEnds(part.source)
            var runs: [Run] = []
            runs.reserveCapacity(part.runs.count)
            for run in part.runs {
                let start = run.row == 0 ? 0 : Int(ends[run.row - 1])
                let count = Int(ends[run.row + run.count - 1]) - start
                guard count > 0 else { continue }
                let target = run.target == 0 ? 0 : Int(targetEnds[run.target - 1])
                runs.append(Run(row: start, target: target, count: count))
            }
            return Part(source: part.source, runs: runs)
        }
        return GatherPlan(rows: Int(targetEnds.last ?? 0), parts: parts)
    }

    private init(rows: Int, parts: [Part]) {
        self.rows = rows
        self.parts = parts
    }
}
