/// Sums of samples of many series, by metric and time.
///
/// Which sample of which series is in a sum is remembered for the last half million samples at least, so
/// that a request that is sent again adds nothing. Two generations of that many make the bound: about
/// 40 MB when both are full, nothing for who folds nothing.
struct FoldedSums: Sendable {
    private struct Place: Hashable {
        /// Of the metric on its target.
        var key: UInt64
        /// Milliseconds.
        var time: Int64
    }

    private struct Generation {
        /// Hashes of the series and times that are in a sum.
        var seen: Set<UInt64> = []
        var sums: [Place: Double] = [:]
    }

    private let samplesMax: Int
    private var current = Generation()
    private var previous = Generation()
    /// By metric: the latest time whose sum is no longer known.
    private var forgotten: [UInt64: Int64] = [:]

    /// - Parameter samplesMax: of a generation.
    init(samplesMax: Int = 1 << 19) { self.samplesMax = samplesMax }

    func sum(of key: UInt64, at time: Int64) -> Double? {
        let place = Place(key: key, time: time)
        return current.sums[place] ?? previous.sums[place]
    }

    /// Adds a sample, once.
    /// - Parameter series: a hash of the labels.
    /// - Returns: the sum with it; `nil` if the sum of its time is known no longer, which would begin
    ///   again from nothing.
    mutating func add(
        _ value: Double, of series: UInt64, at time: Int64, to key: UInt64
    ) -> Double? {
        let place = Place(key: key, time: time)
        let known = current.sums[place] ?? previous.sums[place]
        if known == nil, let last = forgotten[key], time <= last { return nil }
        let hash = series ^ (UInt64(bitPattern: time) &* 0x9E37_79B9_7F4A_7C15)
        if let known, current.seen.contains(hash) || previous.seen.contains(hash) { return known }
        if current.seen.count >= samplesMax { turn() }
        let sum = known.map { $0 + value } ?? value
        current.seen.insert(hash)
        current.sums[place] = sum
        return sum
    }

    private mutating func turn() {
        for place in previous.sums.keys where current.sums[place] == nil {
            forgotten[place.key] = max(forgotten[place.key] ?? place.time, place.time)
        }
        previous = current
        current = Generation()
    }
}
