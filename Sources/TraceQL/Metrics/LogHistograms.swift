import Glibc

/// Histograms with a bucket for each power of two, one histogram an interval: what quantiles over time
/// and histograms over time are computed from, as in Tempo. Durations are bucketed in nanoseconds and
/// shown in seconds; values of which the logarithm does not exist (zero and below) are left out.
struct LogHistograms {
    /// Exponents -32 … 63.
    static let bucketCount = 96
    private static let lowest = -32

    private let windows: Int
    private var counts: [Double]
    /// What a bucket's bound is divided by to be shown.
    private var unit = 1.0

    init(count: Int) {
        windows = count
        counts = [Double](repeating: 0, count: count * Self.bucketCount)
    }

    /// - Parameter count: how many spans the one with this value stands for.
    mutating func add(_ cell: Cell, _ window: Int, count: Double) {
        guard let number = cell.number, number > 0, number.isFinite else { return }
        if cell.kind == .duration { unit = 1e9 }
        let slot = window * Self.bucketCount + Self.bucket(number)
        counts[slot] += count
    }

    /// The bucket of the smallest power of two that is not below `number`.
    private static func bucket(_ number: Double) -> Int {
        var exponent = Int(number.exponent)
        if number.significand > 1 { exponent += 1 }
        return min(max(exponent - lowest, 0), bucketCount - 1)
    }

    private func bound(_ bucket: Int) -> Double {
        scalbn(1.0, Int32(bucket + Self.lowest)) / unit
    }

    /// Interpolates between powers of two along the exponent. NaN where nothing was counted.
    func quantile(_ quantile: Double, _ window: Int) -> Double {
        let slots = counts[(window * Self.bucketCount)..<((window + 1) * Self.bucketCount)]
        let total = slots.reduce(0, +)
        guard total > 0 else { return .nan }
        let wanted = max(1, (quantile * total).rounded(.up))
        var below = 0.0
        var previous: Double?
        for (bucket, count) in slots.enumerated() where count > 0 {
            let high = bound(bucket)
            if below + count > wanted {
                // Where no bucket lies below, powers of two go on.
                let low = log2(previous ?? high / 2)
                return exp2(low + (log2(high) - low) * (wanted - below) / count)
            }
            below += count
            if below == wanted { return high }
            previous = high
        }
        return previous ?? .nan
    }

    /// The buckets that hold anything, with their counts by interval.
    func buckets() -> [(bound: Double, values: [Double])] {
        (0..<Self.bucketCount).compactMap { bucket in
            let values = (0..<windows).map { counts[$0 * Self.bucketCount + bucket] }
            return values.contains { $0 > 0 } ? (bound(bucket), values) : nil
        }
    }
}
