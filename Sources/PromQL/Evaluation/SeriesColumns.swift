import QueryCore
import Store
import Telemetry

/// What one series yields, one entry a step: numbers and, for series that have them, histograms.
struct StepColumn: Sendable {
    var values: [Double]
    /// None, or one entry a step; `values` then holds `StepValue.histogram`.
    var histograms: [HistogramValue?] = []

    var isEmpty: Bool { values.isEmpty }

    mutating func set(_ histogram: HistogramValue, at step: Int) {
        if histograms.isEmpty {
            histograms = [HistogramValue?](repeating: nil, count: values.count)
        }
        histograms[step] = histogram
        values[step] = StepValue.histogram
    }
}

/// The output of a selector or of a function over a range vector, computed a series at a time: nothing
/// is decoded before somebody asks for a series' column.
struct SeriesColumns: Sendable {
    /// Fills the column (one entry a step, all absent before) and says whether it has a value.
    typealias Body =
        @Sendable (_ index: Int, _ samples: inout SampleColumns, _ column: inout StepColumn)
        throws(QueryError) -> Bool

    /// Of the series that are read.
    let labels: [Labels]
    /// The same where the store has them so.
    var list: SeriesList?
    let keepsName: Bool
    /// Which of them have lost their names before; none of them if it is empty.
    var dropped: [Bool] = []
    /// Whether a column may hold histograms.
    var mayHoldHistograms = false
    let body: Body

    /// Whether an output series loses the metric's name in the end.
    func dropsName(_ index: Int) -> Bool { !keepsName || (!dropped.isEmpty && dropped[index]) }
}

extension SeriesColumns {
    /// Whether the output series are others also without the names that go.
    var areDistinct: Bool {
        guard labels.indices.contains(where: dropsName), let first = labels.first?.metadata else {
            return true
        }
        return labels.indices.allSatisfy {
            dropsName($0) && labels[$0].metadata.elementsEqual(first)
        }
    }
}

extension [StepSeries] {
    /// What a query answers: without the names of metrics whose values these no longer are. Series that are the
    /// same then are joined.
    /// - Throws: `execution` where two of them have a value at the same step.
    func withoutDroppedNames() throws(QueryError) -> [StepSeries] {
        guard contains(where: \.dropsName) else { return self }
        if loseTheSame { return map { $0.shown } }
        var collector = SeriesCollector(capacity: count)
        for series in self { try collector.add(series.shownLabels, series.shown) }
        return collector.series
    }

    /// Whether no two of them can be the same afterwards.
    private var loseTheSame: Bool {
        guard let first = first?.labels.metadata else { return true }
        return allSatisfy { $0.dropsName && $0.labels.metadata.elementsEqual(first) }
    }
}

extension StepSeries {
    /// Its labels in an answer.
    var shownLabels: Labels { dropsName ? labels.withoutName : labels }

    fileprivate var shown: StepSeries {
        StepSeries(labels: shownLabels, values: values, histograms: histograms)
    }
}

extension Labels {
    /// The bytes of the metadata labels. They come first in canonical order but for names that begin
    /// with a capital letter.
    fileprivate var metadata: [UInt8] {
        var end = 0
        var found: [UInt8] = []
        bytes.withUnsafeBytes { raw in
            var cursor = LabelCursor(raw)
            while let pair = cursor.next() {
                guard let base = raw.baseAddress, let value = pair.value.baseAddress else { break }
                let start = end
                end = UnsafeRawPointer(value) - base + pair.value.count
                if LabelNames.metadata.contains(pair.name) {
                    found.append(contentsOf: raw[start..<end])
                } else if pair.name.first.map({ $0 > UInt8(ascii: "_") }) ?? true {
                    break
                }
            }
        }
        return found
    }
}

extension Evaluator {
    /// All columns at once.
    func collect(_ columns: SeriesColumns) throws(QueryError) -> [StepSeries] {
        let values = try SeriesLoop(
            stepCount: steps.count, context: context, concurrency: options.concurrency
        ).columns(columns)
        var series: [StepSeries] = []
        series.reserveCapacity(values.count)
        for (index, column) in values.enumerated() where !column.isEmpty {
            series.append(
                StepSeries(
                    labels: columns.labels[index], values: column.values,
                    histograms: column.histograms, dropsName: columns.dropsName(index)))
        }
        guard dropsNamesAtOnce else { return series }
        let settled = try series.withoutDroppedNames()
        // Functions over ranges do not join series.
        guard settled.count == series.count else { throw SeriesCollector.duplicate }
        return settled
    }

    /// The columns of an expression that can be computed a series at a time.
    mutating func lazyColumns(_ expression: Expression) throws(QueryError) -> SeriesColumns? {
        switch expression.unwrapped {
        case .vectorSelector(let node): return try select(node)
        case .call(let node): return try rangeCall(node)
        default: return nil
        }
    }
}
