import Glibc

/// Probabilities of the binomial distribution, summed term by term: exact but for rounding.
package enum BinomialTail {
    /// Terms of less than this share of the sum change none of its digits.
    private static let negligible = 1e-17

    /// The probability of at least `count` bad events among `total` if each is bad with probability
    /// `share`.
    /// - Parameters:
    ///   - count: rounded to a whole number; counters are extrapolated.
    ///   - total: likewise; at least `count` is taken.
    /// - Complexity: O(√total) terms around the mean, few far above it.
    package static func atLeast(_ count: Double, of total: Double, share: Double) -> Double {
        let k = max(0, count.rounded())
        let n = max(k, total.rounded())
        guard k > 0 else { return 1 }
        guard share > 0 else { return 0 }
        guard share < 1 else { return 1 }
        // From the mean on terms only fall: sum the side that is away from it.
        return k > n * share
            ? sum(from: k, upTo: n, n, share) : max(0, 1 - sum(from: k - 1, downTo: 0, n, share))
    }

    private static func sum(from k: Double, upTo end: Double, _ n: Double, _ p: Double) -> Double {
        var term = probability(of: k, n, p)
        var sum = term
        var i = k
        while i < end, term > sum * negligible {
            term *= (n - i) / (i + 1) * (p / (1 - p))
            sum += term
            i += 1
        }
        return min(1, sum)
    }

    private static func sum(from k: Double, downTo end: Double, _ n: Double, _ p: Double) -> Double
    {
        var term = probability(of: k, n, p)
        var sum = term
        var i = k
        while i > end, term > sum * negligible {
            term *= i / (n - i + 1) * ((1 - p) / p)
            sum += term
            i -= 1
        }
        return min(1, sum)
    }

    /// Of exactly `k` of `n`.
    private static func probability(of k: Double, _ n: Double, _ p: Double) -> Double {
        exp(
            logFactorial(n) - logFactorial(k) - logFactorial(n - k) + k * log(p)
                + (n - k) * log1p(-p))
    }

    private static func logFactorial(_ n: Double) -> Double {
        var sign: Int32 = 1
        return lgamma_r(n + 1, &sign)
    }
}
