/// Sums of windows as differences of running sums, for series of whole numbers small enough that no sum is
/// ever rounded: then they equal those that add sample by sample, to the last bit, and a window costs the
/// same however long it is.
struct ExactSums {
    /// Above it not every whole number is a `Double`.
    private static let exactMax = 9_007_199_254_740_992.0

    /// Of the samples before each; empty if some are not whole or too large.
    private var sums: [Double] = []

    mutating func begin(_ samples: SampleView) {
        sums.removeAll(keepingCapacity: true)
        let bound = Self.exactMax / Double(samples.values.count + 1)
        var isExact = true
        for value in samples.values {
            // Nor zeros below zero: where all are such, so is their mean.
            guard value.magnitude <= bound, Double(Int64(value)) == value,
                value != 0 || value.sign == .plus
            else {
                isExact = false
                break
            }
        }
        guard isExact else { return }
        sums.reserveCapacity(samples.values.count + 1)
        var sum = 0.0
        sums.append(sum)
        for value in samples.values {
            sum += value
            sums.append(sum)
        }
    }

    /// `nil` if the samples must be added one by one.
    @inline(__always)
    func sum(_ window: Range<Int>) -> Double? {
        sums.isEmpty ? nil : sums[window.upperBound] - sums[window.lowerBound]
    }
}
