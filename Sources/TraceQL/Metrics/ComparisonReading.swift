import Store
import Telemetry

/// Counts the attributes of the spans of one batch, of those that are selected and of the others.
struct ComparisonReading: SpanReading {
    let comparison: MetricsFunction.Comparison
    let windows: MetricWindows
    /// Whether spans count for those that samplers did not keep, as their trace states say.
    var isExtrapolated = false

    private static let intrinsics: [Intrinsic] = [.name, .kind, .status, .statusMessage]

    /// Of one value of an attribute.
    struct Count: Sendable {
        var field: Field
        var value: AttributeValue
        var byInterval: [Int: Double]
    }

    struct Part: Sendable {
        var selection: [Count]
        var baseline: [Count]
    }

    func read(_ table: SpanTable, _ rows: [Int]) -> Part {
        let inWindow = rows.filter { isInSelectedTime(table.batch.starts[$0]) }
        let selected = table.select(comparison.filter, inWindow)
        return Part(
            selection: extrapolated(table, selected),
            baseline: extrapolated(table, SortedRows.difference(rows, selected)))
    }

    /// Spans of one weight are counted together: there are few.
    private func extrapolated(_ table: SpanTable, _ rows: [Int]) -> [Count] {
        guard isExtrapolated else { return counts(table, rows) }
        var rowsOfWeight: [Double: [Int]] = [:]
        for (row, weight) in zip(rows, table.samplingWeights(rows)) {
            rowsOfWeight[weight, default: []].append(row)
        }
        return rowsOfWeight.flatMap { weight, rows in
            counts(table, rows).map { count in
                var count = count
                count.byInterval = count.byInterval.mapValues { $0 * weight }
                return count
            }
        }
    }

    private func isInSelectedTime(_ time: Timestamp) -> Bool {
        guard comparison.start > 0, comparison.end > 0 else { return true }
        return time.nanoseconds > comparison.start && time.nanoseconds <= comparison.end
    }

    private func counts(_ table: SpanTable, _ rows: [Int]) -> [Count] {
        guard !rows.isEmpty else { return [] }
        var intervals = MetricWindows.Search(windows)
        let intervalOf = rows.map { intervals.index(table.batch.starts[$0]) }
        let adjusted = table.batch.adjustedCounts()
        var counts: [Count] = []
        for field in Self.fields(of: table.batch, rows) {
            let column = table.column(field, rows)
            var values = CellNumbers()
            var found: [[Int: Double]] = []
            for index in rows.indices {
                let cell = column[index]
                guard cell.kind != .null, cell.kind != .other else { continue }
                let number = Int(values.number(0, cell))
                if number == found.count { found.append([:]) }
                found[number][intervalOf[index], default: 0] +=
                    adjusted?[rows[index]] ?? 1
            }
            for (pair, byInterval) in zip(values.pairs, found) {
                counts.append(
                    Count(field: field, value: table.value(pair.cell), byInterval: byInterval))
            }
        }
        return counts
    }

    /// What the spans at `rows` have.
    private static func fields(of batch: SpanBatch, _ rows: [Int]) -> [Field] {
        var fields = intrinsics.map { Field($0) }
        for scope in [Field.Scope.span, .resource, .instrumentation] {
            for id in batch.attributeKeys(scope, rows).sorted() {
                fields.append(Field(scope, batch.strings[id]))
            }
        }
        return fields
    }
}
