import QueryCore
import Store
import Telemetry

/// A window function whose value follows from an aggregate of the window, so that long windows need
/// not be looked at sample by sample.
protocol SummaryFunction: WindowFunction {
    /// Whether the value follows from the ends of the window, its resets and its count: then sliding
    /// over decoded samples costs the same for long windows as for short ones.
    var looksAtEndsOnly: Bool { get }

    /// `nil` if only the samples can tell. Never asked for a window without samples.
    func value(_ aggregate: WindowAggregate, start: Int64, end: Int64) -> Double?
}

extension Windows {
    /// About what a chunk of samples at the usual interval of 15 s spans, in milliseconds.
    private static let chunkSpan: Int64 = 21_600_000

    /// Whether asking for aggregates costs less than decoding everything: each window decodes the two
    /// chunks that it cuts at its ends.
    func areWorthAggregates(endsOnly: Bool) -> Bool {
        guard range >= 2 * Self.chunkSpan else { return false }
        if !endsOnly { return true }
        let (steps, overflow) = step.multipliedReportingOverflow(by: Int64(count - 1))
        guard !overflow else { return false }
        return Int64(count - 1) * 4 <= (steps / 2 + range / 2) / (Self.chunkSpan / 2)
    }

    var sampleWindows: SampleWindows {
        SampleWindows(firstEnd: firstEnd, step: step, count: count, range: range)
    }
}

extension Evaluator {
    /// `kernel` applied to every series of a range vector, from aggregates where windows are long.
    func summarize<Kernel: SummaryFunction>(
        _ kernel: Kernel, over input: RangeInput, keepsName: Bool = false,
        histograms rule: @escaping HistogramRule
    ) -> SeriesColumns {
        let sliding = slid(kernel, over: input, keepsName: keepsName, histograms: rule)
        guard let stored = input.stored else { return sliding }
        let use = stored.selection.summaryUse(
            input.windows.sampleWindows, endsOnly: kernel.looksAtEndsOnly)
        let isThinned = !stored.selection.thinnings.isEmpty
        if use == .approximate { noteThinning(stored) }
        // Statistics count samples, which only sliding looks at; where they are gone there are none.
        guard isThinned || tally == nil,
            use != .none || input.windows.areWorthAggregates(endsOnly: kernel.looksAtEndsOnly)
        else { return sliding }
        let windows = input.windows
        return SeriesColumns(
            labels: input.labels, list: input.list, keepsName: keepsName, dropped: input.dropped,
            mayHoldHistograms: input.mayHoldHistograms
        ) { index, samples, column throws(QueryError) in
            var aggregates: [WindowAggregate] = []
            if try stored.aggregates(index, windows.sampleWindows, into: &aggregates),
                let hasValue = windows.fill(&column.values, kernel, aggregates)
            {
                return hasValue
            }
            for step in column.values.indices { column.values[step] = StepValue.absent }
            return try sliding.body(index, &samples, &column)
        }
    }
}

extension Windows {
    /// Whether any step has a value; `nil` if the samples must be looked at.
    fileprivate func fill<Kernel: SummaryFunction>(
        _ column: inout [Double], _ kernel: Kernel, _ aggregates: [WindowAggregate]
    ) -> Bool? {
        var isEmpty = true
        for (index, aggregate) in aggregates.enumerated() where aggregate.count > 0 {
            let end = end(index)
            guard let value = kernel.value(aggregate, start: end &- range, end: end) else {
                return nil
            }
            guard value.isPresentStep else { continue }
            column[index] = value
            isEmpty = false
        }
        return !isEmpty
    }
}
