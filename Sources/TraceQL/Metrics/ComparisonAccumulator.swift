import QueryCore
import Store
import Telemetry

/// `compare()`: counts the values of every attribute, of the spans that are selected and of the others,
/// so that one sees in what they differ. Attributes are those of spans, resources and instrumentation
/// scopes, and the intrinsics `name`, `kind`, `status` and `statusMessage`.
final class ComparisonAccumulator: SpanAccumulator {
    static let columns: SpanFields = [.times, .core, .attributes]

    /// Distinct values of one attribute that are counted apart: ids of requests would take a series each.
    /// Values beyond still count towards the attribute's total.
    private static let valuesPerAttributeMax = 10_000
    private static let intrinsics: [Intrinsic] = [.name, .kind, .status, .statusMessage]

    private struct AttributeCounts {
        var total: [Double]
        var values: [AttributeValue: [Double]] = [:]
    }

    private struct Side {
        var label: String
        var counts: [Field: AttributeCounts] = [:]
    }

    private let comparison: MetricsFunction.Comparison
    private let windows: MetricWindows
    private let context: QueryContext
    private var baseline = Side(label: "baseline")
    private var selection = Side(label: "selection")
    private var heldSamples = 0

    init(
        _ comparison: MetricsFunction.Comparison, _ windows: MetricWindows,
        _ context: QueryContext
    ) {
        self.comparison = comparison
        self.windows = windows
        self.context = context
    }

    deinit { context.release(samples: heldSamples) }

    func observe(_ table: SpanTable, _ rows: [Int]) throws(QueryError) {
        let inWindow = rows.filter { isInSelectedTime(table.batch.starts[$0]) }
        let selected = table.select(comparison.filter, inWindow)
        try count(table, selected, &selection)
        try count(table, SortedRows.difference(rows, selected), &baseline)
    }

    private func isInSelectedTime(_ time: Timestamp) -> Bool {
        guard comparison.start > 0, comparison.end > 0 else { return true }
        return time.nanoseconds > comparison.start && time.nanoseconds <= comparison.end
    }

    private func count(
        _ table: SpanTable, _ rows: [Int], _ side: inout Side
    ) throws(QueryError) {
        guard !rows.isEmpty else { return }
        for field in Self.fields(of: table.batch, rows) {
            let column = table.column(field, rows)
            var windowsOf: [Cell: [Int: Double]] = [:]
            for index in rows.indices {
                let cell = column[index]
                guard cell.kind != .null, cell.kind != .other else { continue }
                let window = windows.index(table.batch.starts[rows[index]])
                windowsOf[cell, default: [:]][window, default: 0] += 1
            }
            for (cell, counts) in windowsOf {
                try add(counts, of: table.value(cell), to: field, &side)
            }
        }
    }

    private func add(
        _ counts: [Int: Double], of value: AttributeValue, to field: Field, _ side: inout Side
    ) throws(QueryError) {
        if side.counts[field] == nil {
            side.counts[field] = AttributeCounts(total: try zeros())
        }
        let isKnown = side.counts[field]?.values[value] != nil
        let count = side.counts[field]?.values.count ?? 0
        if !isKnown, count < Self.valuesPerAttributeMax {
            side.counts[field]?.values[value] = try zeros()
        }
        for (window, number) in counts {
            side.counts[field]?.total[window] += number
            side.counts[field]?.values[value]?[window] += number
        }
    }

    private func zeros() throws(QueryError) -> [Double] {
        try context.hold(samples: windows.count)
        heldSamples += windows.count
        return [Double](repeating: 0, count: windows.count)
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

    // MARK: Results

    func results() throws(QueryError) -> [MetricSeries] {
        var series: [MetricSeries] = []
        for side in [baseline, selection] {
            for (field, counts) in side.counts {
                let name = field.description
                for (value, values) in top(counts.values) {
                    series.append(
                        MetricSeries(
                            labels: [
                                Attribute("__meta_type", .string(side.label)),
                                Attribute(name, value),
                            ], values: values))
                }
                series.append(
                    MetricSeries(
                        labels: [
                            Attribute("__meta_type", .string(side.label + "_total")),
                            Attribute(name, .string("nil")),
                        ], values: counts.total))
            }
        }
        return series
    }

    /// The values that occur most often; of equals the first by text.
    private func top(
        _ values: [AttributeValue: [Double]]
    ) -> [(AttributeValue, [Double])] {
        let sums: [AttributeValue: Double] = values.mapValues { $0.reduce(0, +) }
        let ranked = values.keys.sorted { a, b in
            let (x, y) = (sums[a] ?? 0, sums[b] ?? 0)
            return x != y ? x > y : a.text < b.text
        }
        return ranked.prefix(Int(clamping: comparison.valuesMax)).map { value in
            (value, values[value] ?? [])
        }
    }
}
