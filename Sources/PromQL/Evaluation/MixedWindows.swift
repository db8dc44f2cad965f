import QueryCore
import Store
import Telemetry

/// One window of a series that has histograms, perhaps beside numbers.
struct MixedWindow {
    let numbers: SampleView
    /// Which of the numbers lie in the window; may be empty.
    let numberRange: Range<Int>
    /// By time; never empty.
    let histograms: ArraySlice<HistogramPoint>
    /// Milliseconds; the window is `(start, end]`.
    let start: Int64
    let end: Int64
    /// Of the series.
    let labels: Labels

    var hasNumbers: Bool { !numberRange.isEmpty }
    var metricName: String { labels[Labels.metricName] ?? "" }
}

/// What a window or an element yields.
enum MixedValue {
    case absent
    case number(Double)
    case histogram(HistogramValue)
}

/// What a function over range vectors makes of a window with histograms.
/// - Parameter plain: what it makes of the window's numbers alone; only to be asked if there are some.
typealias HistogramRule = @Sendable (_ window: MixedWindow, _ plain: () -> Double) -> MixedValue

extension Windows {
    /// As `slide`, over a series with histograms.
    func slideMixed<Kernel: WindowFunction>(
        _ kernel: Kernel, _ rule: HistogramRule, over columns: SampleColumns, of labels: Labels,
        into output: inout StepColumn
    ) -> Bool {
        var kernel = kernel
        var points = columns.histograms.map { HistogramPoint(time: $0.time, value: $0.value) }
        if notesResets { points.noteResets() }
        let histograms = points
        columns.times.withUnsafeBufferPointer { times in
            columns.values.withUnsafeBufferPointer { values in
                let numbers = SampleView(times: times, values: values)
                kernel.begin(numbers)
                var inNumbers = 0..<0
                var inHistograms = 0..<0
                for index in 0..<count {
                    let end = end(index)
                    let start = end &- range
                    inNumbers = advance(inNumbers, start, end, times.count) { times[$0] }
                    inHistograms = advance(inHistograms, start, end, histograms.count) {
                        histograms[$0].time
                    }
                    var plain: Double {
                        kernel.value(
                            numbers,
                            Window(samples: inNumbers, start: start, end: end, step: index))
                    }
                    if inHistograms.isEmpty {
                        if !inNumbers.isEmpty { output.values[index] = plain }
                        continue
                    }
                    let window = MixedWindow(
                        numbers: numbers, numberRange: inNumbers,
                        histograms: histograms[inHistograms], start: start, end: end,
                        labels: labels)
                    switch rule(window, { plain }) {
                    case .absent: break
                    case .number(let value): output.values[index] = value
                    case .histogram(let value): output.set(value, at: index)
                    }
                }
            }
        }
        return output.values.contains(where: StepValue.isPresent)
    }

    /// Moves a window's bounds forward to `(start, end]` and what lies within reach of it.
    func advance(
        _ window: Range<Int>, _ start: Int64, _ end: Int64, _ count: Int, _ time: (Int) -> Int64
    ) -> Range<Int> {
        var lower = window.lowerBound
        var upper = window.upperBound
        while upper < count, time(upper) <= end &+ reachAhead { upper += 1 }
        while lower < upper, time(lower) <= start &- reachBack { lower += 1 }
        return lower..<upper
    }
}
