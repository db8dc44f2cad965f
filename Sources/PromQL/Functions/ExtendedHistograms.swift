import QueryCore
import Store
import Telemetry

extension HistogramValue {
    /// What lies between two histograms at `time`. A counter that was reset started from zero.
    /// - Returns: with whether custom bounds had to be reconciled.
    static func interpolated(
        _ earlier: HistogramPoint, _ later: HistogramPoint, at time: Int64, isCounter: Bool
    ) throws(IncompatibleHistograms) -> (value: HistogramValue, boundsDiffered: Bool) {
        if time == earlier.time { return (earlier.value, false) }
        if time == later.time { return (later.value, false) }
        let share = Double(time &- earlier.time) / Double(later.time &- earlier.time)
        var result = later.value
        if isCounter, later.value.isReset(since: earlier.value) {
            result.multiply(by: share)
            return (result, false)
        }
        let subtraction = try result.subtract(earlier.value)
        result.multiply(by: share)
        let addition = try result.add(earlier.value)
        return (result, subtraction.boundsDiffered || addition.boundsDiffered)
    }
}

extension HistogramRules {
    /// `rate`, `increase` and `delta` of anchored and smoothed histograms: from edge to edge, without
    /// extrapolation (`extendedHistogramRate` of Prometheus).
    func extendedRate(_ rate: ExtendedRate) -> HistogramRule {
        { window, _ in
            guard !window.hasNumbers else { return mixed(window) }
            let points = Array(window.histograms)
            let times = points.map(\.time)
            guard
                let (first, last) = rate.edges.bounds(
                    times, 0..<times.count, start: window.start, end: window.end)
            else { return .absent }
            do throws(IncompatibleHistograms) {
                return try extendedDifference(points, first, last, rate, window)
            } catch {
                return incompatible(window)
            }
        }
    }

    private func extendedDifference(
        _ points: [HistogramPoint], _ first: Int, _ last: Int, _ rate: ExtendedRate,
        _ window: MixedWindow
    ) throws(IncompatibleHistograms) -> MixedValue {
        let usesCustomBuckets = points[first].value.usesCustomBuckets
        for point in points[first...last] {
            guard point.value.usesCustomBuckets == usesCustomBuckets else {
                throw IncompatibleHistograms()
            }
            if rate.isCounter, point.value.resetHint == .gauge {
                noteKind(window, isCounter: true)
            }
        }
        let isSmoothed = rate.edges.isSmoothed
        var left = points[first].value
        if isSmoothed, points[first].time < window.start, first + 1 < points.count {
            left = try edge(
                points[first], points[first + 1], at: window.start, isCounter: rate.isCounter)
        }
        var right = points[last].value
        if isSmoothed, last > 0, points[last].time > window.end {
            right = try edge(
                points[last - 1], points[last], at: window.end, isCounter: rate.isCounter)
        }
        if !rate.isCounter, left.resetHint != .gauge || right.resetHint != .gauge {
            noteKind(window, isCounter: false)
        }
        var result = right
        if try result.subtract(left).boundsDiffered { noteBounds("subtraction") }
        if rate.isCounter {
            let isInterpolated = isSmoothed && points[first].time < window.start
            try addResets(
                of: points, first, last, left, right, isInterpolated: isInterpolated, to: &result)
        }
        if rate.isPerSecond { result.divide(by: Double(rate.range) / 1_000) }
        result.resetHint = .gauge
        result.compact()
        return .histogram(result)
    }

    private func edge(
        _ earlier: HistogramPoint, _ later: HistogramPoint, at time: Int64, isCounter: Bool
    ) throws(IncompatibleHistograms) -> HistogramValue {
        let edge = try HistogramValue.interpolated(earlier, later, at: time, isCounter: isCounter)
        if edge.boundsDiffered { noteBounds("subtraction") }
        return edge.value
    }

    /// Adds what a counter had reached before each reset between the edges.
    /// - Parameter isInterpolated: the left edge lies between two samples, and a reset between them is
    ///   accounted for.
    private func addResets(
        of points: [HistogramPoint], _ first: Int, _ last: Int, _ left: HistogramValue,
        _ right: HistogramValue, isInterpolated: Bool, to result: inout HistogramValue
    ) throws(IncompatibleHistograms) {
        var next = first + 1
        var previous = left
        if isInterpolated, next < points.count,
            points[next].value.isReset(since: points[first].value)
        {
            previous = points[next].value
            next += 1
        }
        // The last sample is the right edge, or lies behind it.
        guard next <= last else { return }
        for point in points[next..<last] {
            if point.value.isReset(since: previous), try result.add(previous).boundsDiffered {
                noteBounds("addition")
            }
            previous = point.value
        }
        if right.isReset(since: previous), try result.add(previous).boundsDiffered {
            noteBounds("addition")
        }
    }

    /// `resets` and `changes` of anchored selectors: the latest sample up to the start, of either kind,
    /// is the one before.
    func anchoredTransitions(countsResetsOnly: Bool) -> HistogramRule {
        let plainRule = transitions(countsResetsOnly: countsResetsOnly)
        return { window, plain in
            let range = window.numberRange
            let number = range.lastIndex { window.numbers.times[$0] <= window.start }
            let histogram = window.histograms.lastIndex { $0.time <= window.start }
            let numbersFrom = number.map { $0 + 1 } ?? range.lowerBound
            let histogramsFrom = histogram.map { $0 + 1 } ?? window.histograms.startIndex
            guard
                numbersFrom < range.upperBound || histogramsFrom < window.histograms.endIndex
            else { return .absent }
            var lower = (numbers: numbersFrom, histograms: histogramsFrom)
            switch (number, histogram) {
            case (nil, nil): break
            case (let number?, nil): lower.numbers = number
            case (nil, let histogram?): lower.histograms = histogram
            case (let number?, let histogram?):
                let isNumber =
                    window.numbers.times[number] >= window.histograms[histogram].time
                if isNumber { lower.numbers = number } else { lower.histograms = histogram }
            }
            guard lower.histograms < window.histograms.endIndex else { return .number(plain()) }
            return plainRule(
                MixedWindow(
                    numbers: window.numbers, numberRange: lower.numbers..<range.upperBound,
                    histograms: window.histograms[lower.histograms...], start: window.start,
                    end: window.end, labels: window.labels), plain)
        }
    }
}

extension Windows {
    /// An instant selector that is smoothed, of a series with histograms: on the line between the samples
    /// before and after, or the one before where none follows.
    func smoothed(
        in samples: SampleColumns, of labels: Labels, _ rules: HistogramRules,
        into output: inout StepColumn
    ) -> Bool {
        var numbers: [Double] = output.values
        _ = smoothed(in: samples, into: &numbers)
        let points = samples.histograms.map { HistogramPoint(time: $0.time, value: $0.value) }
        var inNumbers = 0..<0
        var inPoints = 0..<0
        for index in 0..<count {
            let time = end(index)
            let start = time &- range
            inNumbers = advance(inNumbers, start, time, samples.times.count) { samples.times[$0] }
            inPoints = advance(inPoints, start, time, points.count) { points[$0].time }
            if inPoints.isEmpty {
                output.values[index] = numbers[index]
            } else if !inNumbers.isEmpty {
                rules.noteMix(labels)
            } else if let value = smoothed(points[inPoints], at: time, labels, rules) {
                output.set(value, at: index)
            }
        }
        return output.values.contains(where: StepValue.isPresent)
    }

    private func smoothed(
        _ points: ArraySlice<HistogramPoint>, at time: Int64, _ labels: Labels,
        _ rules: HistogramRules
    ) -> HistogramValue? {
        let next = points.firstIndex { $0.time >= time } ?? points.endIndex
        if next < points.endIndex, points[next].time == time { return points[next].value }
        guard next > points.startIndex else { return nil }
        let earlier = points[next - 1]
        guard next < points.endIndex else {
            var value = earlier.value
            value.resetHint = .unknown
            return value
        }
        let later = points[next]
        let isCounter = earlier.value.resetHint != .gauge || later.value.resetHint != .gauge
        guard earlier.value.usesCustomBuckets == later.value.usesCustomBuckets else {
            rules.noteIncompatible(labels)
            return nil
        }
        do throws(IncompatibleHistograms) {
            let result = try HistogramValue.interpolated(
                earlier, later, at: time, isCounter: isCounter)
            if result.boundsDiffered { rules.noteBounds("subtraction") }
            return result.value
        } catch {
            rules.noteIncompatible(labels)
            return nil
        }
    }
}
