/// Sums of windows as differences of running sums, where windows hold whole numbers small enough that no sum
/// is ever rounded: then they equal those that add sample by sample, to the last bit, and a window costs the
/// same however long it is.
struct ExactSums {
    /// Above it not every whole number is a `Double`.
    private static let exactMax = 9_007_199_254_740_992.0
    /// Added to a number below 2⁵¹ and taken away again it leaves the nearest whole one.
    private static let rounder = 6_755_399_441_055_744.0
    private static let roundedMax = 2_251_799_813_685_248.0
    /// More other samples than this are not worth leaving out one by one.
    private static let othersMax = 64

    /// Of the whole samples before each.
    private var sums: [Double] = []
    /// Where samples stand that are not whole or too large, ascending.
    private var others: [Int] = []
    private var nextOther = 0
    private var isUseful = false

    mutating func begin(_ samples: SampleView) {
        let count = samples.values.count
        let bound = min(Self.roundedMax, Self.exactMax / Double(count + 1))
        others.removeAll(keepingCapacity: true)
        nextOther = 0
        var found = others
        sums = [Double](unsafeUninitializedCapacity: count + 1) { sums, filled in
            var sum = 0.0
            sums.initializeElement(at: 0, to: sum)
            for index in 0..<count {
                let value = samples.values[index]
                // By pattern: zeros below zero are others, for where all are such, so is their mean.
                let whole = (value + Self.rounder) - Self.rounder
                if value.magnitude <= bound, whole.bitPattern == value.bitPattern {
                    sum += value
                } else {
                    found.append(index)
                    if found.count > Self.othersMax { break }
                }
                sums.initializeElement(at: index &+ 1, to: sum)
            }
            filled = found.count > Self.othersMax ? 0 : count + 1
        }
        isUseful = found.count <= Self.othersMax
        others = found
    }

    /// `nil` if the samples must be added one by one.
    /// - Parameter window: does not move back from one call to the next.
    @inline(__always)
    mutating func sum(_ window: Range<Int>) -> Double? {
        guard isUseful else { return nil }
        if nextOther < others.count {
            while nextOther < others.count, others[nextOther] < window.lowerBound { nextOther += 1 }
            if nextOther < others.count, others[nextOther] < window.upperBound { return nil }
        }
        return sums[window.upperBound] - sums[window.lowerBound]
    }
}
