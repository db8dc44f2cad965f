import Store
import Telemetry

/// Counts the attributes of the spans of one batch, of those that are selected and of the others.
struct ComparisonReading: SpanReading {
    let comparison: MetricsFunction.Comparison
    let windows: MetricWindows
    /// Whether spans count for those that samplers did not keep, as their trace states say.
    var isExtrapolated = false
    /// Spans named as examples, of either side; 0 for none.
    var exemplarsMax = 0

    private static let intrinsics: [Intrinsic] = [.name, .kind, .status, .statusMessage]

    /// Of one value of an attribute.
    struct Count: Sendable {
        var field: Field
        var value: AttributeValue
        var byInterval: [Int: Double]
    }

    /// A span that was counted.
    struct Example: Sendable {
        var exemplar: MetricExemplar
        /// What it has.
        var fields: Set<Field>
    }

    struct Part: Sendable {
        var selection: [Count]
        var baseline: [Count]
        var selectionExamples: [Example] = []
        var baselineExamples: [Example] = []
    }

    func read(_ table: SpanTable, _ rows: [Int]) -> Part {
        let inWindow = rows.filter { isInSelectedTime(table.batch.starts[$0]) }
        let selected = table.select(comparison.filter, inWindow)
        let others = SortedRows.difference(rows, selected)
        return Part(
            selection: extrapolated(table, selected), baseline: extrapolated(table, others),
            selectionExamples: examples(table, selected), baselineExamples: examples(table, others))
    }

    /// Some, spread over the rows.
    private func examples(_ table: SpanTable, _ rows: [Int]) -> [Example] {
        guard exemplarsMax > 0, !rows.isEmpty else { return [] }
        let count = min(exemplarsMax, rows.count)
        let some = (0..<count).map { rows[$0 * rows.count / count] }
        var examples = some.map { row in
            let time = table.batch.starts[row]
            return Example(
                exemplar: MetricExemplar(
                    trace: table.batch.traceIDs[row], time: time, value: .nan,
                    window: windows.index(time)), fields: [])
        }
        for field in Self.fields(of: table.batch, some) {
            let column = table.column(field, some)
            for index in some.indices where column[index].kind != .null {
                examples[index].fields.insert(field)
            }
        }
        return examples
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
