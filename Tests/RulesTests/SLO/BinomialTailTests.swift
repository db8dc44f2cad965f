import Rules
import Testing

/// The probability of at least `count` bad ones among `total`, one event after the other.
func naiveTail(_ count: Int, of total: Int, share: Double) -> Double {
    var chances = [1.0]
    for _ in 0..<total {
        var next = [Double](repeating: 0, count: chances.count + 1)
        for (bad, chance) in chances.enumerated() {
            next[bad] += chance * (1 - share)
            next[bad + 1] += chance * share
        }
        chances = next
    }
    return chances.dropFirst(max(0, count)).reduce(0, +)
}

@Suite("Binomial tails")
struct BinomialTailTests {
    @Test("are what one event after the other comes to")
    func naive() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<400 {
            let total = Int.random(in: 0...120, using: &random)
            let count = Int.random(in: 0...(total + 1), using: &random)
            let share = [0.0005, 0.0144, 0.1, 0.5, 0.97].randomElement(using: &random) ?? 0.1
            let found = BinomialTail.atLeast(Double(count), of: Double(total), share: share)
            // More than all cannot be bad; counters that are extrapolated may say so.
            let exact = naiveTail(count, of: max(count, total), share: share)
            #expect(
                abs(found - exact) <= 1e-9 * max(exact, 1e-3), "\(count) of \(total) at \(share)")
        }
    }

    /// The least number of failures that is no accident for 99.9 % at 14.4 times the speed.
    @Test("say how many failures a page takes", arguments: [(10, 2), (50, 4), (200, 8)])
    func example(total: Int, least: Int) {
        let share = 14.4 * 0.001
        #expect(BinomialTail.atLeast(Double(least), of: Double(total), share: share) < 0.01)
        #expect(BinomialTail.atLeast(Double(least - 1), of: Double(total), share: share) >= 0.01)
    }

    @Test("stay between 0 and 1 for any number of events")
    func large() {
        for total in [1e3, 1e6, 1e9, 1e12] {
            for factor in [0.5, 0.99, 1, 1.001, 1.1, 2] {
                let tail = BinomialTail.atLeast(total * 0.01 * factor, of: total, share: 0.01)
                #expect(tail >= 0 && tail <= 1)
                if factor == 0.5 { #expect(tail > 0.95) }
                if factor == 2 { #expect(tail < 0.02) }
            }
        }
        #expect(BinomialTail.atLeast(1, of: 10, share: 0) == 0)
        #expect(BinomialTail.atLeast(0, of: 10, share: 0.1) == 1)
        #expect(BinomialTail.atLeast(3, of: 3, share: 1) == 1)
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
