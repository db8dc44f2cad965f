import QueryCore
import Store
import Telemetry

/// The samples of one series, stale markers removed. Valid only while a window function runs.
struct SampleView {
    let times: UnsafeBufferPointer<Int64>
    let values: UnsafeBufferPointer<Double>
}

/// Where a window stands in its series and in time.
struct Window {
    /// Never empty. May reach beyond the window where its edges lie between samples.
    var samples: Range<Int>
    /// Milliseconds; the window is `(start, end]`.
    var start: Int64
    var end: Int64
    /// Index of the step and its time, which differ from `end` by offsets and `@`.
    var step: Int
}

/// A function over range vectors: one number, or none (`StepValue.absent`), from the samples of a
/// window. A copy serves one series, so it may keep state from one window to the next; windows come in
/// order and never move back.
protocol WindowFunction: Sendable {
    /// Called once a series, before its windows.
    mutating func begin(_ samples: SampleView)
    mutating func value(_ samples: SampleView, _ window: Window) -> Double
}

extension WindowFunction {
    mutating func begin(_ samples: SampleView) {}
}

extension Windows {
    /// Slides over the samples with two indices that only move forward.
    /// - Parameter output: one entry a step, absent before.
    /// - Returns: whether any step has a value.
    func slide<Kernel: WindowFunction>(
        _ kernel: Kernel, over columns: SampleColumns, into output: inout [Double]
    ) -> Bool {
        guard !columns.times.isEmpty else { return false }
        var kernel = kernel
        var isEmpty = true
        columns.times.withUnsafeBufferPointer { times in
            columns.values.withUnsafeBufferPointer { values in
                let samples = SampleView(times: times, values: values)
                kernel.begin(samples)
                var lower = 0
                var upper = 0
                for index in 0..<count {
                    let end = end(index)
                    let start = end &- range
                    while upper < times.count, times[upper] <= end &+ reachAhead { upper &+= 1 }
                    while lower < upper, times[lower] <= start &- reachBack { lower &+= 1 }
                    guard lower < upper else { continue }
                    let value = kernel.value(
                        samples, Window(samples: lower..<upper, start: start, end: end, step: index)
                    )
                    if value.isPresentStep {
                        output[index] = value
                        isEmpty = false
                    }
                }
            }
        }
        return !isEmpty
    }
}

extension Evaluator {
    /// `kernel` applied to every series of a range vector.
    /// - Parameter rule: what becomes of windows that hold histograms.
    func slide<Kernel: WindowFunction>(
        _ kernel: Kernel, over input: RangeInput, keepsName: Bool = false,
        histograms rule: @escaping HistogramRule
    ) -> SeriesColumns {
        if let stored = input.stored { noteThinning(stored) }
        return slid(kernel, over: input, keepsName: keepsName, histograms: rule)
    }

    /// As `slide`, for a function that has a better answer where samples are gone.
    func slid<Kernel: WindowFunction>(
        _ kernel: Kernel, over input: RangeInput, keepsName: Bool,
        histograms rule: @escaping HistogramRule
    ) -> SeriesColumns {
        let tally = tally
        return SeriesColumns(
            labels: input.labels, keepsName: keepsName, dropped: input.dropped,
            mayHoldHistograms: input.mayHoldHistograms
        ) { index, samples, column throws(QueryError) in
            try input.loadFresh(index, into: &samples)
            tally?.add(input.windows, over: samples, areRead: input.stored != nil)
            guard samples.histograms.isEmpty else {
                return input.windows.slideMixed(
                    kernel, rule, over: samples, of: input.labels[index], into: &column)
            }
            return input.windows.slide(kernel, over: samples, into: &column.values)
        }
    }
}
