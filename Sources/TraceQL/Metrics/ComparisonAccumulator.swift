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

    private struct AttributeCounts {
        var total: [Double]
        var values: [AttributeValue: [Double]] = [:]
    }

    private struct Side {
        var label: String
        var counts: [Field: AttributeCounts] = [:]
        var examples: [ComparisonReading.Example] = []
        /// Of each part of the range.
        var taken: [UInt8]

        init(_ label: String, parts: Int) {
            self.label = label
            taken = [UInt8](repeating: 0, count: parts)
        }
    }

    let reading: ComparisonReading
    private let comparison: MetricsFunction.Comparison
    private let windows: MetricWindows
    private let context: QueryContext
    private let places: ExemplarPlaces
    private var baseline: Side
    private var selection: Side
    private var heldSamples = 0

    init(
        _ comparison: MetricsFunction.Comparison, _ windows: MetricWindows,
        exemplarsMax: Int = 0, isExtrapolated: Bool = false, _ context: QueryContext
    ) {
        reading = ComparisonReading(
            comparison: comparison, windows: windows, isExtrapolated: isExtrapolated,
            exemplarsMax: exemplarsMax)
        places = ExemplarPlaces(limit: exemplarsMax, windows: windows)
        baseline = Side("baseline", parts: places.parts)
        selection = Side("selection", parts: places.parts)
        self.comparison = comparison
        self.windows = windows
        self.context = context
    }

    deinit { context.release(samples: heldSamples) }

    func take(_ part: ComparisonReading.Part) throws(QueryError) {
        for count in part.selection { try add(count, &selection) }
        for count in part.baseline { try add(count, &baseline) }
        offer(part.selectionExamples, &selection)
        offer(part.baselineExamples, &baseline)
    }

    private func offer(_ examples: [ComparisonReading.Example], _ side: inout Side) {
        for example in examples where side.examples.count < reading.exemplarsMax {
            guard ExemplarPlaces.take(places.part(example.exemplar.time), &side.taken) else {
                continue
            }
            side.examples.append(example)
        }
    }

    private func add(_ count: ComparisonReading.Count, _ side: inout Side) throws(QueryError) {
        let (field, value) = (count.field, count.value)
        if side.counts[field] == nil {
            side.counts[field] = AttributeCounts(total: try zeros())
        }
        let isKnown = side.counts[field]?.values[value] != nil
        let known = side.counts[field]?.values.count ?? 0
        if !isKnown, known < Self.valuesPerAttributeMax {
            side.counts[field]?.values[value] = try zeros()
        }
        for (window, number) in count.byInterval {
            side.counts[field]?.total[window] += number
            side.counts[field]?.values[value]?[window] += number
        }
    }

    private func zeros() throws(QueryError) -> [Double] {
        try context.hold(samples: windows.count)
        heldSamples += windows.count
        return [Double](repeating: 0, count: windows.count)
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
                let total = MetricSeries(
                    labels: [
                        Attribute("__meta_type", .string(side.label + "_total")),
                        Attribute(name, .string("nil")),
                    ], values: counts.total)
                let examples = side.examples.filter { $0.fields.contains(field) }
                series.append(total.with(examples.map(\.exemplar).sorted { $0.time < $1.time }))
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
