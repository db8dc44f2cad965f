import QueryCore

/// What a function of windows makes of the values of one window.
struct WindowReduction {
    private let function: WindowFunction
    private let quantile: Double
    /// Seconds.
    private let interval: Double
    private var scratch: [Double] = []

    init(_ query: WindowQuery) {
        function = query.function
        quantile = query.parameter ?? 0
        interval = Double(query.interval) / 1e9
    }

    /// - Parameters:
    ///   - times: nanoseconds, ascending, at least one.
    ///   - start: where the window begins, excluded, and ends, included.
    mutating func value(
        _ times: ArraySlice<Int64>, _ values: ArraySlice<Double>, start: Int64, end: Int64
    ) -> Double {
        switch function {
        case .rate: return WindowReduction.sum(values) / interval
        case .sumOverTime: return WindowReduction.sum(values)
        case .avgOverTime: return WindowReduction.mean(values)
        case .minOverTime: return values.reduce(.nan) { $1 < $0 || $0.isNaN ? $1 : $0 }
        case .maxOverTime: return values.reduce(.nan) { $1 > $0 || $0.isNaN ? $1 : $0 }
        case .stdvarOverTime: return WindowReduction.variance(values)
        case .stddevOverTime: return WindowReduction.variance(values).squareRoot()
        case .firstOverTime: return values[values.startIndex]
        case .lastOverTime: return values[values.endIndex - 1]
        case .quantileOverTime:
            scratch.removeAll(keepingCapacity: true)
            scratch.append(contentsOf: values)
            return Quantile.value(quantile, of: &scratch)
        case .rateCounter:
            return WindowReduction.counterRate(times, values, start: start, end: end)
        case .countOverTime, .bytesRate, .bytesOverTime, .absentOverTime:
            return Double(values.count)
        }
    }

    /// Kahan's sum in Neumaier's form.
    private static func sum(_ values: ArraySlice<Double>) -> Double {
        var sum = 0.0
        var lost = 0.0
        for value in values {
            let next = sum + value
            lost +=
                sum.magnitude >= value.magnitude ? (sum - next) + value : (value - next) + sum
            sum = next
        }
        let total = sum + lost
        return total.isNaN ? sum : total
    }

    private static func mean(_ values: ArraySlice<Double>) -> Double {
        let sum = sum(values)
        guard sum.isInfinite else { return sum / Double(values.count) }
        var mean = 0.0
        var count = 0.0
        for value in values {
            count += 1
            mean += value / count - mean / count
        }
        return mean
    }

    /// Welford's method.
    private static func variance(_ values: ArraySlice<Double>) -> Double {
        var mean = 0.0
        var squares = 0.0
        var count = 0.0
        for value in values {
            count += 1
            let distance = value - mean
            mean += distance / count
            squares += distance * (value - mean)
        }
        return squares / count
    }

    /// As Prometheus's `rate`: growth with resets made up for, carried on to the ends of the window where
    /// they are near, per second. One value has no rate and counts as 0.
    private static func counterRate(
        _ times: ArraySlice<Int64>, _ values: ArraySlice<Double>, start: Int64, end: Int64
    ) -> Double {
        guard values.count >= 2, let first = values.first, let last = values.last,
            let firstTime = times.first, let lastTime = times.last
        else { return 0 }
        var growth = last - first
        var previous = first
        for value in values {
            if value < previous { growth += previous }
            previous = value
        }
        let sampled = Double(lastTime - firstTime) / 1e9
        guard sampled > 0 else { return 0 }
        let spacing = sampled / Double(values.count - 1)
        var before = Double(firstTime - start) / 1e9
        let after = Double(end - lastTime) / 1e9
        if growth > 0, first >= 0 {
            // A counter begins at zero, no earlier.
            before = min(before, sampled * (first / growth))
        }
        let threshold = spacing * 1.1
        let reach =
            sampled + (before < threshold ? before : spacing / 2)
            + (after < threshold ? after : spacing / 2)
        return growth * (reach / sampled) / (Double(end - start) / 1e9)
    }
}

/// Quantiles of unsorted values.
enum Quantile {
    /// The φ-quantile by linear interpolation between the two nearest, as Prometheus's: below 0 it is
    /// −∞, above 1 +∞.
    /// - Parameter values: at least one; their order changes.
    /// - Complexity: O(n) on average.
    static func value(_ quantile: Double, of values: inout [Double]) -> Double {
        guard !quantile.isNaN else { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        let rank = quantile * Double(values.count - 1)
        let lower = Int(rank.rounded(.down))
        let below = select(lower, in: &values)
        guard lower + 1 < values.count else { return below }
        let weight = rank - Double(lower)
        // Everything behind the selected one is at least as large.
        let above = values[(lower + 1)...].min { precedes($0, $1) } ?? below
        return below * (1 - weight) + above * weight
    }

    /// NaN first.
    @inline(__always)
    static func precedes(_ a: Double, _ b: Double) -> Bool { a < b || a.isNaN && !b.isNaN }

    /// The value that sorting would put at `rank`, which is then there (Hoare's quickselect; the pivot is
    /// the median of three).
    private static func select(_ rank: Int, in values: inout [Double]) -> Double {
        values.withUnsafeMutableBufferPointer { values in
            var low = 0
            var high = values.count - 1
            while low < high {
                let pivot = median(values[low], values[low + (high - low) / 2], values[high])
                var left = low
                var right = high
                while left <= right {
                    while precedes(values[left], pivot) { left += 1 }
                    while precedes(pivot, values[right]) { right -= 1 }
                    guard left <= right else { break }
                    values.swapAt(left, right)
                    left += 1
                    right -= 1
                }
                if rank <= right {
                    high = right
                } else if rank >= left {
                    low = left
                } else {
                    break
                }
            }
            return values[rank]
        }
    }

    private static func median(_ a: Double, _ b: Double, _ c: Double) -> Double {
        if precedes(a, b) {
            return precedes(b, c) ? b : precedes(a, c) ? c : a
        }
        return precedes(a, c) ? a : precedes(b, c) ? c : b
    }
}
