import QueryCore
import Telemetry

extension HistogramRules {
    /// `rate`, `increase` and `delta` of histograms, extrapolated as `rate` says.
    func rate(_ rate: Rate) -> HistogramRule {
        { window, _ in
            guard !window.hasNumbers else { return mixed(window) }
            let points = Array(window.histograms)
            guard points.count > 1, let first = points.first, let last = points.last else {
                return .absent
            }
            let difference: HistogramValue?
            do throws(IncompatibleHistograms) {
                difference = try self.difference(points, window, isCounter: rate.isCounter)
            } catch {
                return incompatible(window)
            }
            guard var result = difference else { return .absent }
            let factor = rate.factor(
                times: (first.time, last.time), intervals: points.count - 1,
                start: window.start, end: window.end,
                isRising: result.count > 0 && first.value.count >= 0,
                shareAtFirst: first.value.count / result.count)
            result.multiply(by: factor)
            return .histogram(result)
        }
    }

    /// From the first to the last, resets of a counter added.
    private func difference(
        _ points: [HistogramPoint], _ window: MixedWindow, isCounter: Bool
    ) throws(IncompatibleHistograms) -> HistogramValue? {
        var previous = points[0].value
        let last = points[points.count - 1].value
        if isCounter, points.contains(where: { $0.value.resetHint == .gauge }) {
            noteKind(window, isCounter: true)
        }
        if isCounter, points[1].value.isReset(since: previous) {
            // What the first looked like does not matter then.
            previous = HistogramValue(schema: points[1].value.schema)
            previous.customBounds = points[1].value.customBounds
            previous.zeroThreshold = points[1].value.zeroThreshold
        }
        let relevant = isCounter ? points.dropFirst().map(\.value) + [previous] : [last, previous]
        guard relevant.allSatisfy({ $0.usesCustomBuckets == last.usesCustomBuckets }) else {
            throw IncompatibleHistograms()
        }
        var result = last
        if !last.usesCustomBuckets {
            result.reduceResolution(to: relevant.map(\.schema).min() ?? last.schema)
        }
        if try result.subtract(previous).boundsDiffered { noteBounds("subtraction") }
        if isCounter {
            for point in points.dropFirst() {
                if point.value.isReset(since: previous),
                    try result.add(previous).boundsDiffered
                {
                    noteBounds("addition")
                }
                previous = point.value
            }
        } else if points[0].value.resetHint != .gauge || last.resetHint != .gauge {
            noteKind(window, isCounter: false)
        }
        result.resetHint = .gauge
        result.compact()
        return result
    }

    /// `irate` and `idelta`: of the last two samples.
    func instantRate(isRate: Bool) -> HistogramRule {
        { window, plain in
            guard window.numberRange.count + window.histograms.count > 1 else { return .absent }
            let lastNumber =
                window.hasNumbers ? window.numbers.times[window.numberRange.upperBound - 1] : .min
            let newer = window.histograms.suffix(2)
            guard let last = newer.last, let previous = newer.first, newer.count == 2,
                previous.time > lastNumber
            else {
                // Two numbers after the last histogram are numbers as anywhere.
                let secondNumber =
                    window.numberRange.count > 1
                    ? window.numbers.times[window.numberRange.upperBound - 2] : .min
                if let last = newer.last, secondNumber > last.time { return .number(plain()) }
                return mixed(window)
            }
            return instantRate(isRate: isRate, previous, last, window)
        }
    }

    private func instantRate(
        isRate: Bool, _ previous: HistogramPoint, _ last: HistogramPoint, _ window: MixedWindow
    ) -> MixedValue {
        let gauges = [previous, last].count { $0.value.resetHint == .gauge }
        if isRate ? gauges > 0 : gauges < 2 { noteKind(window, isCounter: isRate) }
        var result = last.value
        if !isRate || !last.value.isReset(since: previous.value) {
            do throws(IncompatibleHistograms) {
                if try result.subtract(previous.value).boundsDiffered { noteBounds("subtraction") }
            } catch {
                return incompatible(window)
            }
        }
        result.resetHint = .gauge
        result.compact()
        if isRate { result.divide(by: Double(last.time &- previous.time) / 1_000) }
        return .histogram(result)
    }
}
