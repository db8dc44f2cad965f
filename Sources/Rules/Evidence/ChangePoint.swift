import Glibc

/// Where the share of bad events changed most surely: the split of a row of buckets into before and after
/// that two binomial shares explain best against one (generalised likelihood ratio).
package struct ChangePoint: Hashable {
    /// The first bucket after the change.
    package var bucket: Int
    /// Share of bad events before; `nil` without events.
    package var before: Double?
    package var after: Double

    /// Twice the logarithm of the likelihood ratio that chance exceeds about once in a thousand rows of 240
    /// buckets: χ² of one degree at 0.001 / 240.
    private static let certainty = 21.0

    /// - Returns: `nil` if the share did not rise for sure.
    package init?(bad: [Double], all: [Double]) {
        guard bad.count == all.count, !all.isEmpty else { return nil }
        let counts = zip(bad, all).map { (min($0, $1), $1) }
        let whole = counts.reduce((0.0, 0.0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        var left = (0.0, 0.0)
        var best: (gain: Double, bucket: Int, left: (Double, Double))?
        for split in 1..<max(1, counts.count) {
            left = (left.0 + counts[split - 1].0, left.1 + counts[split - 1].1)
            let right = (whole.0 - left.0, whole.1 - left.1)
            guard left.1 > 0, right.1 > 0, right.0 / right.1 > left.0 / left.1 else { continue }
            let gain = 2 * (Self.likelihood(left) + Self.likelihood(right) - Self.likelihood(whole))
            if gain > best?.gain ?? Self.certainty { best = (gain, split, left) }
        }
        if let best {
            // Buckets without events between are not bad yet.
            bucket = counts[best.bucket...].firstIndex { $0.1 > 0 } ?? best.bucket
            before = best.left.0 / best.left.1
            after = (whole.0 - best.left.0) / (whole.1 - best.left.1)
            return
        }
        // Bad from the first event on, where there was a time without events before.
        guard whole.0 > 0, let first = counts.firstIndex(where: { $0.1 > 0 }), first > 0 else {
            return nil
        }
        bucket = first
        before = nil
        after = whole.0 / whole.1
    }

    private static func likelihood(_ count: (bad: Double, all: Double)) -> Double {
        func term(_ part: Double) -> Double { part > 0 ? part * log(part / count.all) : 0 }
        return term(count.bad) + term(count.all - count.bad)
    }
}
