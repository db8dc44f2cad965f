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

/// How many samples lie up to one side of a window that moves on and on.
private struct WindowEdge {
    private(set) var index = 0
    private var stride = 0

    /// Moves on to the first sample after `time`. Samples mostly come as regularly as windows do: where
    /// it moved as far as before is looked at first.
    @inline(__always)
    mutating func move(past time: Int64, _ times: UnsafeBufferPointer<Int64>) {
        let guess = index &+ stride
        if guess <= times.count, guess == 0 || times[guess &- 1] <= time,
            guess == times.count || times[guess] > time
        {
            index = guess
            return
        }
        let before = index
        while index < times.count, times[index] <= time { index &+= 1 }
        stride = index &- before
    }
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
                var lower = WindowEdge()
                var upper = WindowEdge()
                for index in 0..<count {
                    let end = end(index)
                    let start = end &- range
                    upper.move(past: end &+ reachAhead, times)
                    lower.move(past: start &- reachBack, times)
                    guard lower.index < upper.index else { continue }
                    let value = kernel.value(
                        samples,
                        Window(
                            samples: lower.index..<upper.index, start: start, end: end, step: index)
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
            labels: input.labels, list: input.list, keepsName: keepsName, dropped: input.dropped,
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
