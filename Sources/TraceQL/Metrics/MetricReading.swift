import Store
import Telemetry

/// What a metrics function needs of spans: their series, intervals and values, side by side.
struct MetricReading: SpanReading {
    let grouping: [Field]
    let measured: Field?
    let windows: MetricWindows
    let hasExemplars: Bool
    /// Whether spans count for those that samplers did not keep, as their trace states say.
    var isExtrapolated = false

    /// Of the spans of one batch that count.
    struct Part: Sendable {
        /// The values of each series, one a grouping field.
        var keys: [[AttributeValue]] = []
        /// Places in `keys`.
        var series: [UInt32] = []
        var intervals: [UInt32] = []
        /// How many spans each stands for; empty: itself.
        var counts: [Double] = []
        /// Numbers, of functions that measure.
        var cells: [Cell] = []
        /// Of examples only.
        var traces: [TraceID] = []
        var starts: [Timestamp] = []
    }

    func read(_ table: SpanTable, _ rows: [Int]) -> Part {
        guard let measured else { return read(table, rows, cells: []) }
        let column = table.column(measured, rows)
        var counted: [Int] = []
        var cells: [Cell] = []
        counted.reserveCapacity(rows.count)
        cells.reserveCapacity(rows.count)
        for index in rows.indices {
            let cell = column[index]
            guard cell.measure != nil else { continue }
            counted.append(rows[index])
            cells.append(cell)
        }
        return read(table, counted, cells: cells)
    }

    private func read(_ table: SpanTable, _ rows: [Int], cells: [Cell]) -> Part {
        var part = Part()
        (part.keys, part.series) = groups(table, rows)
        part.cells = cells
        var intervals = MetricWindows.Search(windows)
        let starts = table.batch.starts
        part.intervals = rows.map { UInt32(truncatingIfNeeded: intervals.index(starts[$0])) }
        if let counts = table.batch.adjustedCounts() { part.counts = rows.map { counts[$0] } }
        if hasExemplars {
            part.traces = rows.map { table.batch.traceIDs[$0] }
            part.starts = rows.map { starts[$0] }
        }
        if isExtrapolated {
            let weights = table.samplingWeights(rows)
            part.counts = part.counts.isEmpty ? weights : zip(part.counts, weights).map { $0 * $1 }
        }
        return part
    }

    /// The series of each span. Combinations of values get numbers field by field, so that a span costs a
    /// look-up a field and no array.
    private func groups(_ table: SpanTable, _ rows: [Int]) -> ([[AttributeValue]], [UInt32]) {
        var keys: [[AttributeValue]] = [[]]
        var series = [UInt32](repeating: 0, count: rows.count)
        for field in grouping {
            let column = table.column(field, rows)
            var numbers = CellNumbers()
            if case .coded(let values, let codes) = column {
                // A look-up for each distinct pair, where that is less than one a span.
                var known = [UInt32](repeating: .max, count: values.count * keys.count)
                for index in rows.indices {
                    let place = Int(series[index]) &* values.count &+ Int(codes[index])
                    if known[place] == .max {
                        known[place] = numbers.number(series[index], values[Int(codes[index])])
                    }
                    series[index] = known[place]
                }
            } else {
                for index in rows.indices {
                    series[index] = numbers.number(series[index], column[index])
                }
            }
            keys = numbers.pairs.map { keys[Int($0.prefix)] + [table.value($0.cell)] }
        }
        return (keys, series)
    }
}
