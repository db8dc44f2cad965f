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

    /// Of the stored series; what the output is called follows from `keepsName`.
    let labels: [Labels]
    let keepsName: Bool
    /// Whether a column may hold histograms.
    var mayHoldHistograms = false
    let body: Body

    /// The labels of an output series.
    func outputLabels(_ index: Int) -> Labels {
        keepsName ? labels[index] : labels[index].withoutName
    }

    /// Whether no two output series can have the same labels: those of stored series differ, and
    /// what is dropped from them is the same in all.
    var areDistinct: Bool {
        if keepsName { return true }
        guard let first = labels.first?.metadata else { return true }
        return labels.allSatisfy { $0.metadata.elementsEqual(first) }
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
        var collector = SeriesCollector(capacity: values.count)
        let areDistinct = columns.areDistinct
        for (index, values) in values.enumerated() where !values.isEmpty {
            let labels = columns.outputLabels(index)
            if areDistinct {
                collector.addDistinct(labels, values)
            } else {
                try collector.addUnique(labels, values)
            }
        }
        return collector.series
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
