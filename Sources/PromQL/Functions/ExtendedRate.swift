import QueryCore
import Store
import Telemetry

/// Where a window whose edges are anchored or smoothed begins and ends among the samples, which reach
/// further back (and ahead) than the window.
struct ExtendedEdges {
    let isSmoothed: Bool

    /// The first and last sample that matter; `nil` if nothing lies in the window.
    func bounds(_ samples: SampleView, _ window: Window) -> (first: Int, last: Int)? {
        bounds(samples.times, window.samples, start: window.start, end: window.end)
    }

    /// - Parameter range: of the samples within reach, not empty.
    func bounds<Times: RandomAccessCollection<Int64>>(
        _ times: Times, _ range: Range<Int>, start: Int64, end: Int64
    ) -> (first: Int, last: Int)? where Times.Index == Int {
        var last = range.upperBound - 1
        // The sample before the window's start, if there is one.
        let after = (range.lowerBound..<last).first { times[$0] > start } ?? last
        let first = max(range.lowerBound, after - 1)
        if isSmoothed {
            last = (range.lowerBound..<last).first { times[$0] >= end } ?? last
        }
        if times[last] <= start { return nil }
        if isSmoothed, times[first] > end { return nil }
        return (first, last)
    }

    func left(_ samples: SampleView, _ first: Int, _ start: Int64, isCounter: Bool) -> Double {
        guard isSmoothed, samples.times[first] < start else { return samples.values[first] }
        return Self.interpolate(samples, first, first + 1, at: start, isCounter: isCounter)
    }

    func right(
        _ samples: SampleView, _ last: Int, _ end: Int64, isCounter: Bool, lowest: Int
    ) -> Double {
        guard isSmoothed, last > lowest, samples.times[last] > end else {
            return samples.values[last]
        }
        return Self.interpolate(samples, last - 1, last, at: end, isCounter: isCounter)
    }

    /// On the line between two samples. A counter that fell started from zero.
    static func interpolate(
        _ samples: SampleView, _ a: Int, _ b: Int, at time: Int64, isCounter: Bool
    ) -> Double {
        let later = samples.values[b]
        let earlier = isCounter && later < samples.values[a] ? 0 : samples.values[a]
        let share =
            Double(time &- samples.times[a]) / Double(samples.times[b] &- samples.times[a])
        return earlier + (later - earlier) * share
    }
}

/// `rate`, `increase` and `delta` of anchored and smoothed selectors: exactly from edge to edge, without
/// extrapolation (`extendedRate` of Prometheus).
struct ExtendedRate: WindowFunction {
    let edges: ExtendedEdges
    let isCounter: Bool
    let isPerSecond: Bool
    /// Milliseconds.
    let range: Int64

    func value(_ samples: SampleView, _ window: Window) -> Double {
        guard var (first, last) = edges.bounds(samples, window) else { return StepValue.absent }
        let left = edges.left(samples, first, window.start, isCounter: isCounter)
        let right = edges.right(
            samples, last, window.end, isCounter: isCounter, lowest: window.samples.lowerBound)
        var result = right - left
        if isCounter {
            // Resets at the edges are accounted for by the interpolation.
            if samples.times[first] <= window.start { first += 1 }
            if samples.times[last] >= window.end { last -= 1 }
            var previous = left
            if first <= last {
                for index in first...last {
                    if samples.values[index] < previous { result += previous }
                    previous = samples.values[index]
                }
            }
            if right < previous { result += previous }
        }
        return isPerSecond ? result / (Double(range) / 1_000) : result
    }
}

/// `resets` and `changes` of anchored selectors: what happened since the sample before the window.
struct AnchoredTransitions: WindowFunction {
    let transitions: Transitions

    func value(_ samples: SampleView, _ window: Window) -> Double {
        var anchored = window
        let after = window.samples.first { samples.times[$0] > window.start }
        guard let after else { return StepValue.absent }
        anchored.samples = max(window.samples.lowerBound, after - 1)..<window.samples.upperBound
        return transitions.value(samples, anchored)
    }
}

extension Evaluator {
    /// A function over an anchored or smoothed range vector.
    /// - Throws: for functions that cannot be computed from samples outside the window.
    func extendedCall(
        _ node: FunctionCall, _ selector: RangeSelector, _ input: RangeInput,
        _ rules: HistogramRules
    ) throws(QueryError) -> SeriesColumns {
        let modifier = selector.selector.edges
        let safe: [Function] =
            modifier == .smoothed
            ? [.delta, .increase, .rate] : [.changes, .delta, .increase, .rate, .resets]
        guard safe.contains(node.function) else {
            throw .execution(
                "\(modifier.rawValue) modifier can only be used with: "
                    + safe.map(\.rawValue).joined(separator: ", ")
                    + " - not with \(node.function.rawValue)")
        }
        if node.function == .resets || node.function == .changes {
            let transitions = Transitions(countsResetsOnly: node.function == .resets)
            return slide(
                AnchoredTransitions(transitions: transitions), over: input,
                histograms: rules.anchoredTransitions(
                    countsResetsOnly: transitions.countsResetsOnly))
        }
        if node.function != .delta, !input.mayHoldHistograms {
            noteIfNoCounter(selector, node.arguments[0])
        }
        let rate = ExtendedRate(
            edges: ExtendedEdges(isSmoothed: modifier == .smoothed),
            isCounter: node.function != .delta, isPerSecond: node.function == .rate,
            range: selector.duration)
        return slide(rate, over: input, histograms: rules.extendedRate(rate))
    }
}

extension Windows {
    /// An instant selector that is smoothed: on the line between the samples before and after, or the one
    /// before where none follows.
    func smoothed(in samples: SampleColumns, into output: inout [Double]) -> Bool {
        samples.times.withUnsafeBufferPointer { times in
            samples.values.withUnsafeBufferPointer { values in
                let view = SampleView(times: times, values: values)
                var next = 0
                for index in 0..<count {
                    let time = end(index)
                    while next < times.count, times[next] < time { next += 1 }
                    let isBehind = next > 0 && times[next - 1] > time &- range
                    let isAhead = next < times.count && times[next] <= time &+ range
                    if isAhead, times[next] == time {
                        output[index] = values[next]
                    } else if isBehind, isAhead {
                        output[index] = ExtendedEdges.interpolate(
                            view, next - 1, next, at: time, isCounter: false)
                    } else if isBehind {
                        output[index] = values[next - 1]
                    }
                }
            }
        }
        return output.contains(where: StepValue.isPresent)
    }
}

extension SampleSeries {
    /// The samples of an anchored or smoothed range vector, with one at each edge.
    func extended(
        _ modifier: WindowEdges, from start: Int64, to end: Int64
    ) -> SampleSeries? {
        let edges = ExtendedEdges(isSmoothed: modifier == .smoothed)
        return times.withUnsafeBufferPointer { times in
            values.withUnsafeBufferPointer { values in
                guard !times.isEmpty else { return nil }
                let samples = SampleView(times: times, values: values)
                let window = Window(
                    samples: times.indices, start: start, end: end, step: 0)
                guard var (first, last) = edges.bounds(samples, window) else { return nil }
                let left = edges.left(samples, first, start, isCounter: false)
                let right = edges.right(samples, last, end, isCounter: false, lowest: 0)
                if times[first] <= start { first += 1 }
                if times[last] >= end { last -= 1 }
                let inner = first <= last ? first..<(last + 1) : first..<first
                return SampleSeries(
                    labels: labels, times: [start] + inner.map { times[$0] } + [end],
                    values: [left] + inner.map { values[$0] } + [right])
            }
        }
    }
}
